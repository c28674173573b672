#!/bin/bash
# Runs `swift test` with the arguments given: leaves out the lines of what only starts, and says again at the end what
# failed, which stands thousands of lines above it. Four tests at a time: Swift Testing begins them all at once otherwise,
# and hundreds of stores, servers and threads wait for a processor.
set -uo pipefail

export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=4

swift test "$@" 2>&1 | awk '
  /^◇ (Test|Suite)/ { next }
  /^✘/ && !/^✘ (Suite|Test run|Test .* failed after)/ { failed = failed "\n" $0; more = 1; print; next }
  /^↳/ { if (more) failed = failed "\n" $0; print; next }
  { more = 0; print; fflush() }
  END { if (failed != "") print "\nWhat failed:" failed }'
