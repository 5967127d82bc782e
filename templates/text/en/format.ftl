size-b = { $n } B
size-kb = { $n } kB
size-mb = { $n } MB
size-gb = { $n } GB
size-kib = { $n } KiB
size-mib = { $n } MiB
size-gib = { $n } GiB
size-tib = { $n } TiB

# "12 March", in lists
date-day = { $day } { $month }
# { $day } is date-day
date-full = { $day } { $year }
date-time = { $date }, { $time }
month-1 = Jan
month-2 = Feb
month-3 = Mar
month-4 = Apr
month-5 = May
month-6 = Jun
month-7 = Jul
month-8 = Aug
month-9 = Sep
month-10 = Oct
month-11 = Nov
month-12 = Dec

time-s = { $count ->
    [one] { $count } second
   *[other] { $count } seconds
}
time-m = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
time-h = { $count ->
    [one] { $count } hour
   *[other] { $count } hours
}
time-d = { $count ->
    [one] { $count } day
   *[other] { $count } days
}
