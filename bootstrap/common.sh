# What every bootstrap script has in its region "common". Nothing runs by reading it.
# Relies on sh, cp, curl or wget, and sha256sum, shasum or openssl.
# shellcheck shell=sh

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
