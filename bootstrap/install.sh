#!/bin/sh
# Installs @PRODUCT@ @VERSION@: finds the archive for this machine, downloads it, checks its digest
# against the one written here, and lets the program in it install itself.
# Nothing runs before the last line has been read, so a download that was cut off does nothing.
# Relies on sh, uname, mktemp, tar with gzip, curl or wget, and sha256sum, shasum or openssl.
# One of the scripts of @BOOTSTRAP_TAG@.
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
    get "$1" "$2" || die 10 "cannot download $1. Check the address and the network, and run this again"
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
# end of common

# <sha256> <target> <archive>, a line for each target.
archives() {
    cat <<'EOF'
@ARCHIVES@
EOF
}

usage() {
    cat <<EOF
Installs $product $version.

Usage: install.sh [--mirror URL] [--trusted-root FILE] [--dir HOME] [--no-modify-path]

  --mirror URL         take everything from here: http://…, https://… or file:///ABSOLUTE/PATH
  --trusted-root FILE  trust the keys in this trusted_root.json, not the public Sigstore's
  --dir HOME           install into this folder, not \$$home_variable or ~/.$product
  --no-modify-path     change no profile to put $product on PATH
  --help               print this

Exit codes are those of '$product --help'.
EOF
}

# The triples for this machine, best first, with a * where any part will do.
wanted_targets() {
    system=$(uname -s)
    machine=$(uname -m)
    case $machine in
        amd64) machine=x86_64 ;;
        arm64) machine=aarch64 ;;
    esac
    case $system in
        Linux) printf '%s\n' "$machine-unknown-linux-*" ;;
        Darwin)
            # A shell that runs under Rosetta says x86_64 of a machine that is not.
            if [ "$( (sysctl -n sysctl.proc_translated || true) 2>/dev/null)" = 1 ]; then
                printf '%s\n' aarch64-apple-darwin
            fi
            printf '%s\n' "$machine-apple-darwin"
            ;;
        *) printf '%s\n' "$machine-$system" ;;
    esac
}

# Sets digest and archive to those of the first target that fits.
choose_archive() {
    for want in $(wanted_targets); do
        known=
        while read -r digest target archive; do
            # The pattern is meant to be one.
            # shellcheck disable=SC2254
            case $target in
                $want) return 0 ;;
            esac
            known="$known $target"
        done <<EOF
$(archives)
EOF
    done
    die 17 "$product $version has no archive for $(uname -s) $(uname -m). It has$known"
}

main() {
    if [ -n "${ZSH_VERSION:-}" ]; then
        emulate sh
    fi
    # Without expansion of file names: the * in a triple is not about files.
    set -euf
    product='@PRODUCT@'
    version='@VERSION@'
    tag='@TAG@'
    repository='@REPOSITORY@'
    home_variable='@HOME_VARIABLE@'
    case $product$version$tag$repository$home_variable in
        *@*) die 17 "this is the template of an install script: take the one of a release" ;;
    esac

    base=$repository
    mirror=
    trusted_root=
    dir=
    no_modify_path=
    while [ $# -gt 0 ]; do
        case $1 in
            --help | -h)
                usage
                exit 0
                ;;
            --no-modify-path)
                no_modify_path=1
                shift
                continue
                ;;
            --mirror | --trusted-root | --dir)
                if [ $# -lt 2 ] || [ -z "$2" ]; then
                    die 2 "$1 needs a value. See --help"
                fi
                ;;
            *) die 2 "unknown argument $1. See --help" ;;
        esac
        case $1 in
            --mirror) mirror=${2%/} base=${2%/} ;;
            --trusted-root) trusted_root=$2 ;;
            --dir) dir=$2 ;;
        esac
        shift 2
    done
    case $base in
        http://?* | https://?* | file:///?*) ;;
        *) die 2 "--mirror: expected http://…, https://… or file:///ABSOLUTE/PATH, found $base" ;;
    esac

    for tool in uname mktemp tar gzip rm cat cp; do
        has "$tool" || die 17 "$tool is needed and not on PATH"
    done
    need_tools "$base"

    choose_archive
    temporary=$(mktemp -d) || die 16 "cannot make a temporary folder: set TMPDIR to one with space"
    trap 'rm -rf "$temporary"' EXIT
    trap 'exit 130' INT TERM HUP QUIT PIPE

    url=$base/releases/download/$tag/$archive
    say "downloading $url"
    download "$url" "$temporary/$archive"
    found=$(digest_of "$temporary/$archive")
    if [ "$found" != "$digest" ]; then
        die 11 "$url: digest refused: expected $digest, found ${found:-none}. Nothing was installed"
    fi
    say "The digest is the one in this script: so far this rests on where the script came from."
    say "From here on the program verifies signatures."

    tar -xzf "$temporary/$archive" -C "$temporary" || die 16 "cannot unpack $archive in $temporary"
    program=$temporary/$product-$target/$product
    [ -f "$program" ] || die 11 "$archive holds no $product-$target/$product"
    set -- self install --archive "$temporary/$archive"
    [ -z "$mirror" ] || set -- "$@" --mirror "$mirror"
    [ -z "$trusted_root" ] || set -- "$@" --trusted-root "$trusted_root"
    [ -z "$dir" ] || set -- "$@" --dir "$dir"
    [ -z "$no_modify_path" ] || set -- "$@" --no-modify-path
    code=0
    "$program" "$@" </dev/null || code=$?
    case $code in
        126 | 127)
            say "$product does not start from $temporary: if programs may not run there (noexec), set"
            say "TMPDIR to a folder where they may; else the archive for $target is not for this system"
            ;;
    esac
    exit "$code"
}

main "$@"
}
