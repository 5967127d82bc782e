# What services refuse: the key is made of the English words in the code.
