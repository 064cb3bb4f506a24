#!/usr/bin/env bash
# Checks report.pdf of a run with programs that know nothing of rig: structure (qpdf), PDF/A (Apache PDFBox preflight),
# fonts and text (poppler), and the digest of the record from the files themselves (sha256sum).
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

# Preflight knows PDF/A-1b, of which PDF/A-2b is a relaxation: fonts, widths, metadata, colours, actions and syntax are
# judged alike. Its complaints that are not ours: the part (2, not 1), the version of the colour profile (ISO 19005-2
# admits ICC 4), and destinations written as indirect objects, which ISO 32000-1 allows and this checker cannot follow.
preflight() {
    local jars=()
    for jar in preflight pdfbox2 fontbox2 xmpbox commons-logging commons-io javax.activation jaxb-api; do
        jars+=("/usr/share/java/$jar.jar")
    done
    java -cp "$(IFS=:; echo "${jars[*]}")" org.apache.pdfbox.preflight.Validator_A1b "$1" 2>/dev/null || true
}
unexpected() {
    grep -vE "^$|is not a valid PDF/A-1b file|^7\.11\.2 : .*part must be 1$|^2\.1\.6 : .*Invalid version of the ICCProfile|^1\.2\.3 : .*can't convert to Destination COSObject" || true
}
said=$(preflight "$pdf")
grep -q 'part must be 1$' <<<"$said" || fail "the PDF/A checker did not read it: $said"
[ -z "$(unexpected <<<"$said")" ] || fail "not PDF/A: $(unexpected <<<"$said" | head -n 5)"
# The checker bites: the same file with a date of its metadata changed is refused.
spoilt=$(mktemp --suffix .pdf)
trap 'rm -f "$spoilt"' EXIT
LC_ALL=C sed 's|<xmp:CreateDate>20|<xmp:CreateDate>19|' "$pdf" >"$spoilt"
[ -n "$(preflight "$spoilt" | unexpected)" ] || fail "the PDF/A checker accepts wrong metadata"

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
