#!/bin/sh
# Rescues a home of @PRODUCT@ whose program cannot upgrade itself: runs the install script that went
# out with this one, over the home. What the home remembers stays; a program that does not even start
# steps aside first, so that the installer puts its own there.
# Nothing runs before the last line has been read, so a download that was cut off does nothing.
# Relies on sh, sed, mktemp, curl or wget, and sha256sum, shasum or openssl.
# One of the scripts of @BOOTSTRAP_TAG@.
# The region "common" has more than is used here.
# shellcheck disable=SC2329
{

# common: written by `cargo xtask generate`
say() {
    printf '%s\n' "$*" >&2
}

# Exit code, then words.
die() {
    code=$1
    shift
    say "error: $*"
    exit "$code"
}

has() {
    command -v "$1" >/dev/null 2>&1
}

# Where to download from, and what to check it with.
need_tools() {
    [ -z "$require_signature" ] || has cosign ||
        die 17 "cosign is needed for --require-signature, and is not on PATH"
    case $1 in
        file://*) ;;
        *) has curl || has wget || die 17 "curl or wget is needed, and neither is on PATH" ;;
    esac
    has sha256sum || has shasum || has openssl ||
        die 17 "sha256sum, shasum or openssl is needed to check the download, and none is on PATH"
}

# From a URL to a file; fails where that fails.
get() {
    case $1 in
        file://*)
            cp "${1#file://}" "$2"
            return
            ;;
        https://*) only_https=1 ;;
        http://127.* | http://localhost[:/]* | "http://[::1]"*)
            only_https=
            # This machine is no proxy's business.
            unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
            ;;
        *) only_https= ;;
    esac
    if has curl; then
        # An https address must not be redirected to one that is not; wget cannot be told so.
        curl ${only_https:+--proto =https --tlsv1.2} --fail --silent --show-error --location \
            --connect-timeout 20 --speed-limit 1 --speed-time 60 --retry 2 --retry-max-time 60 \
            --output "$2" "$1" || return
    else
        told=$(wget -q -O "$2" "$1" 2>&1) || {
            say "$told"
            return 1
        }
        case $told in
            *"validation not implemented"*)
                say "this wget checks no certificate: curl is needed, or another wget"
                return 1
                ;;
        esac
    fi
    # A configuration of theirs may have put it elsewhere.
    [ -f "$2" ]
}

# As get; says what to do where it fails, and ends.
download() {
    get "$1" "$2" && return
    # A disk that is full takes not one byte more.
    { printf x >"$2.more" && rm -f "$2.more"; } 2>/dev/null ||
        die 16 "cannot write $2: make space there, or set TMPDIR to a folder with space"
    die 10 "cannot download $1. Check the address and the network, and run this again"
}

digest_of() {
    if has sha256sum; then
        sum=$(sha256sum <"$1")
        sum=${sum%% *}
    elif has shasum; then
        sum=$(shasum -a 256 <"$1")
        sum=${sum%% *}
    else
        sum=$(openssl dgst -sha256 <"$1")
        sum=${sum##* }
    fi
    printf '%s\n' "$sum"
}

# Refuses a file and its address, where a signature is required, unless a workflow of the repository
# signed it: which, and at which reference.
check_signature() {
    [ -n "$require_signature" ] || return 0
    download "$2.sigstore.json" "$1.sigstore.json"
    signer=$repository/$3
    case $(cosign verify-blob --help 2>&1) in
        # cosign 2 wants to be told of the bundle's format.
        *--new-bundle-format*) format=--new-bundle-format ;;
        *) format= ;;
    esac
    set -- verify-blob ${format:+"$format"} --bundle "$1.sigstore.json" \
        --certificate-identity "$signer" --certificate-oidc-issuer "$issuer" "$1"
    [ -z "$trusted_root" ] || set -- "$@" --trusted-root "$trusted_root"
    cosign "$@" >&2 || die 11 "cosign finds no signature of $signer. Nothing was run"
}

# A folder that goes away with this run.
make_temporary() {
    temporary=$(mktemp -d) || die 16 "cannot make a temporary folder: set TMPDIR to one with space"
    case $temporary in
        "") die 16 "mktemp made no temporary folder" ;;
        /*) ;;
        *) temporary=$PWD/$temporary ;;
    esac
    trap 'rm -rf "$temporary"' EXIT
    trap 'exit 130' INT TERM HUP QUIT PIPE
}

# The digest of a script in the lines of a SHA256SUMS.
listed_in() {
    sed -n 's/^\([0-9a-f]\{64\}\)  install\.sh$/\1/p' "$1"
}

# Sets url and digest to those that the pointer below an address names for a channel. Fails where
# there is no pointer to go by.
by_pointer() {
    pointer=$temporary/pointer.json
    get "$1/channels/$2.json" "$pointer" || {
        say "note: cannot get the pointer of channel $2 from $1"
        return 1
    }
    check_signature "$pointer" "$1/channels/$2.json" "$channel_workflow@refs/heads/$branch"
    expires=$(sed -n 's/^  "expires": "\([0-9TZ:-]*\)".*/\1/p' "$pointer")
    tag=$(sed -n 's/^    "tag": "\([0-9A-Za-z.+-]*\)".*/\1/p' "$pointer")
    digest=$(sed -n 's/^      "install\.sh": "\([0-9a-f]\{64\}\)".*/\1/p' "$pointer")
    if [ -z "$expires" ] || [ -z "$tag" ] || [ -z "$digest" ]; then
        say "note: what is at $1/channels/$2.json is no pointer"
        return 1
    fi
    now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
    first=$(printf '%s\n%s\n' "$now" "$expires" | LC_ALL=C sort | head -n 1)
    # What cannot be compared is not valid.
    if [ -z "$now" ] || [ "$first" != "$now" ] || [ "$now" = "$expires" ]; then
        say "note: the pointer of channel $2 expired at $expires"
        return 1
    fi
    url=$base/releases/download/$tag/install.sh
    by_pointer=1
}

# Sets url and digest to those of a release's own script, by the checksums beside it.
by_release() {
    url=$base/releases/$1/install.sh
    sums=SHA256SUMS
    case $1 in
        */bootstrap-*) sums=bootstrap-checksums.txt ;;
    esac
    download "$base/releases/$1/$sums" "$temporary/sums"
    digest=$(listed_in "$temporary/sums")
    [ -n "$digest" ] || die 11 "$base/releases/$1/$sums lists no install.sh. Nothing was run"
}

# Gets the script at $url, one of those of $tag, which must have $digest.
get_script() {
    script=$temporary/install.sh
    download "$url" "$script"
    found=$(digest_of "$script")
    if [ "$found" != "$digest" ]; then
        die 11 "$url: digest refused: expected $digest, found ${found:-none}. Nothing was run"
    fi
    case ${by_pointer:-}$tag in
        # Nothing but the pointer vouches for patched scripts.
        1bootstrap-*) ;;
        *) check_signature "$script" "$url" "$workflow@refs/tags/$tag" ;;
    esac
    say "the script of $url, with the digest that is written for it"
}
# end of common

usage() {
    cat <<EOF
Puts $product of $tag over an installation that cannot upgrade itself.

Usage: upgrade.sh [--dir HOME] [--mirror URL] [argument of that release's install.sh]…

  --dir HOME           the home to rescue, not \$$home_variable or ~/.$product
  --mirror URL         take everything from here: http://…, https://… or file:///ABSOLUTE/PATH
  --require-signature  have cosign verify what is downloaded before any of it runs
  --help               print this

Exit codes are those of '$product --help'.
EOF
}

main() {
    if [ -n "${ZSH_VERSION:-}" ]; then
        emulate sh
    fi
    set -euf
    product='@PRODUCT@'
    tag='@BOOTSTRAP_TAG@'
    repository='@REPOSITORY@'
    workflow='@RELEASE_WORKFLOW@'
    channel_workflow='@CHANNEL_WORKFLOW@'
    branch='@DEFAULT_BRANCH@'
    issuer='@ISSUER@'
    home_variable='@HOME_VARIABLE@'
    case $product$tag$repository$workflow$channel_workflow$branch$issuer$home_variable in
        *@*) die 17 "this is the template of a script: take the one of a release" ;;
    esac
    base=$repository
    require_signature=
    trusted_root=
    dir=
    eval "dir=\${$home_variable:-}"
    dir=${dir:-${HOME:-}/.$product}
    left=$#
    while [ "$left" -gt 0 ]; do
        case $1 in
            --help | -h)
                usage
                exit 0
                ;;
            --dir | --mirror | --trusted-root)
                if [ "$left" -lt 2 ] || [ -z "$2" ]; then
                    die 2 "$1 needs a value. See --help"
                fi
                case $1 in
                    --dir) dir=$2 ;;
                    --mirror) base=${2%/} ;;
                    --trusted-root) trusted_root=$2 ;;
                esac
                [ "$1" = --dir ] || set -- "$@" "$1" "$2"
                shift 2
                left=$((left - 2))
                ;;
            *)
                [ "$1" != --require-signature ] || require_signature=1
                set -- "$@" "$1"
                shift
                left=$((left - 1))
                ;;
        esac
    done
    case $base in
        http://?* | https://?* | file:///?*) ;;
        *) die 2 "--mirror: expected http://…, https://… or file:///ABSOLUTE/PATH, found $base" ;;
    esac
    [ -f "$dir/state/trusted-root" ] ||
        die 17 "$dir is no home of $product: install it with install.sh, or name its home with --dir"
    for tool in sed mktemp mv rm cat cp; do
        has "$tool" || die 17 "$tool is needed and not on PATH"
    done
    need_tools "$base"
    make_temporary
    by_release "download/$tag"
    get_script
    case $dir in
        /*) ;;
        *) dir=$PWD/$dir ;;
    esac
    program=$dir/bin/$product
    aside=$program.aside
    # By itself: a project, or a development build, may have it run something else or nothing.
    if [ -e "$program" ] && ! (
        unset "${home_variable%HOME}BIN"
        cd / && "$program" --version
    ) </dev/null >/dev/null 2>&1; then
        mv -f "$program" "$aside"
    fi
    code=0
    sh "$script" --dir "$dir" --no-modify-path "$@" </dev/null || code=$?
    if [ -e "$program" ]; then
        rm -f "$aside"
    elif [ -e "$aside" ]; then
        # A program that does not work is no worse than none.
        mv "$aside" "$program"
    fi
    exit "$code"
}

main "$@"
}
