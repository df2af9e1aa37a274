#!/bin/sh
# Tests the site from the machine of the job; `rcompose ci` says where it is.
set -eu
curl -fsS "http://$WEB_HOST:$WEB_PORT/"
