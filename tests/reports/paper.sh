#!/usr/bin/env bash
# Checks report.pdf of a run with programs that know nothing of rig: structure (qpdf), fonts and text (poppler), and the
# digest of the record from the files themselves (sha256sum).
#
#     paper.sh RUN
set -euo pipefail
run=$1
pdf=$run/report.pdf
fail() { echo "$pdf: $1"; exit 1; }

qpdf --check "$pdf" >/dev/null || fail "qpdf finds errors"
info=$(pdfinfo "$pdf")
grep -q '^Encrypted: *no' <<<"$info" || fail "encrypted"
grep -q "^Title:.*$(basename "$run")" <<<"$info" || fail "the title does not name the run"
pdfinfo -meta "$pdf" | grep -q '<pdfaid:part>2<' || fail "does not claim PDF/A-2"
# From the third line on, the fifth column from the right says whether a font is embedded.
pdffonts "$pdf" | awk 'NR > 2 { fonts++; if ($(NF - 4) != "yes") bare++ } END { exit !(fonts > 0 && bare == 0) }' ||
    fail "a font is not embedded"

digest=$(
    cd "$run"
    find . -type f ! -name manifest.json ! -name manifest.sig ! -name 'report.*' ! -name junit.xml -printf '%P\n' |
        LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum | cut -d ' ' -f 1
)
pages=$(awk '/^Pages:/ { print $2 }' <<<"$info")
simulated=
grep -q '"simulated": true' "$run/verdict.json" && simulated=SIMULATED
for ((page = 1; page <= pages; page++)); do
    text=$(pdftotext -f "$page" -l "$page" -layout "$pdf" -)
    for words in "$(basename "$run")" "$digest" "Page $page of $pages" $simulated; do
        grep -qF -- "$words" <<<"$text" || fail "page $page does not say $words"
    done
done
echo "$pdf: $pages pages hold"
