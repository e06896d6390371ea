#!/usr/bin/env bash
# tools/repeat.sh FILE [TIMES]: the same as `npm run repeat -- FILE --times TIMES --busy`.
set -euo pipefail
cd "$(dirname "$0")/.."
exec npx tsx tools/repeat.ts "${1:?usage: tools/repeat.sh FILE [TIMES]}" --times "${2:-20}" --busy
