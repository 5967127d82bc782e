source-title = Source and licence
source-version = Mailstead { $version } runs here. It is free software: you may use, study, share and change it under the GNU Affero General Public License, version 3.
source-archive = All of its source, as it runs here ({ $size })
source-licence = The licence
source-libraries = Libraries it is built with, and their licences
