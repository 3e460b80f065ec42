#!/bin/bash
set -euo pipefail

# The package of that version is in the image; a server alone is its own quorum.
NOMAD_VERSION=@NOMAD_TAG@
exec "/opt/nomad-$NOMAD_VERSION/nomad" agent -@ROLE@ -data-dir=/var/lib/nomad
