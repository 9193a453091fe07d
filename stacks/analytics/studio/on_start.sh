#!/bin/bash
# Runs when a JupyterLab app starts: fetches the notebooks of this deployment, and writes down where they ask.
# A changed notebook of yours is safe under another name: the folder is written anew each time.
set -eu
folder="$HOME/customer-360"
aws s3 cp --only-show-errors "@NOTEBOOKS@" /tmp/notebooks.zip
mkdir -p "$folder"
python3 -m zipfile -e /tmp/notebooks.zip "$folder"
printf '{"environment": "%s", "workgroup": "%s"}\n' "@ENVIRONMENT@" "@WORKGROUP@" > "$folder/deployment.json"
