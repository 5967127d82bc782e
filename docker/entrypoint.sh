#!/bin/sh
# Writes a first configuration into the volume, then becomes mailstead. MAILSTEAD_HOSTNAME names the host.
set -eu

data=${MAILSTEAD_DATA:-/var/lib/mailstead}
export MAILSTEAD_DATA="$data"

if [ ! -e "$data/mailstead.toml" ]; then
    cat > "$data/mailstead.toml" <<TOML
hostname = "${MAILSTEAD_HOSTNAME:-$(hostname -f 2>/dev/null || hostname)}"

[listen]
smtp = ["0.0.0.0:2525"]
submission = ["0.0.0.0:2587"]
submissions = ["0.0.0.0:2465"]
imap = ["0.0.0.0:2143"]
imaps = ["0.0.0.0:2993"]
https = ["0.0.0.0:8443"]
http = ["0.0.0.0:8080"]

[web]
url = "https://${MAILSTEAD_HOSTNAME:-$(hostname -f 2>/dev/null || hostname)}"
TOML
fi

exec mailstead "$@"
