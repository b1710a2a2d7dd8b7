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

# <sha256> <target> <archive>, a line for each target.
archives() {
    cat <<'EOF'
@ARCHIVES@
EOF
}

usage() {
    cat <<EOF
Installs $product $version.

Usage: install.sh [OPTION]…

  --version VERSION    install this version, by the install script of its release
  --channel CHANNEL    install what this channel is at, and follow it: stable, beta or alpha
  --follow CHANNEL     have the program follow this channel from then on, whatever is installed
  --mirror URL         take everything from here: http://…, https://… or file:///ABSOLUTE/PATH
  --bundle FILE        take everything from this file, which '$product bundle create' wrote
  --trusted-root FILE  trust the keys in this trusted_root.json, not the public Sigstore's
  --require-signature  have cosign verify what is downloaded before any of it runs
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

# Takes one file out of the bundle, to where a mirror has it: no name in it decides about a path.
take() {
    mkdir -p "$temporary/bundle/${1%/*}" || die 16 "cannot write to $temporary"
    tar -xOf - "$1" <"$bundle" >"$temporary/bundle/$1" 2>/dev/null ||
        die 17 "$bundle holds no whole $1: it is not for this version or machine, or is cut off"
}

# Goes on with the script of another release, which rests on what that script is checked by.
hand_over() {
    get_script
    [ -n "$require_signature" ] ||
        say "so far this rests on where both came from. --require-signature asks cosign."
    set --
    [ -z "$mirror" ] || set -- "$@" --mirror "$mirror"
    [ -z "$bundle" ] || set -- "$@" --bundle "$bundle"
    [ -z "$trusted_root" ] || set -- "$@" --trusted-root "$trusted_root"
    [ -z "$require_signature" ] || set -- "$@" --require-signature
    [ -z "$dir" ] || set -- "$@" --dir "$dir"
    [ -z "$follow" ] || set -- "$@" --follow "$follow"
    [ -z "$no_modify_path" ] || set -- "$@" --no-modify-path
    code=0
    sh "$script" "$@" </dev/null || code=$?
    exit "$code"
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
    pages='@CHANNELS_URL@'
    workflow='@RELEASE_WORKFLOW@'
    channel_workflow='@CHANNEL_WORKFLOW@'
    branch='@DEFAULT_BRANCH@'
    issuer='@ISSUER@'
    home_variable='@HOME_VARIABLE@'
    case $product$version$tag$repository$pages$workflow$channel_workflow$branch$issuer$home_variable in
        *@*) die 17 "this is the template of an install script: take the one of a release" ;;
    esac

    base=$repository
    asked=$version
    channel=
    follow=
    mirror=
    bundle=
    trusted_root=
    require_signature=
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
            --require-signature)
                require_signature=1
                shift
                continue
                ;;
            --version | --channel | --follow | --mirror | --bundle | --trusted-root | --dir)
                if [ $# -lt 2 ] || [ -z "$2" ]; then
                    die 2 "$1 needs a value. See --help"
                fi
                ;;
            *) die 2 "unknown argument $1. See --help" ;;
        esac
        case $1 in
            --version) asked=${2#v} ;;
            --channel) channel=$2 follow=$2 ;;
            --follow) follow=$2 ;;
            --mirror) mirror=${2%/} base=${2%/} pages=${2%/} ;;
            --bundle) bundle=$2 ;;
            --trusted-root) trusted_root=$2 ;;
            --dir) dir=$2 ;;
        esac
        shift 2
    done
    case $base in
        http://?* | https://?* | file:///?*) ;;
        *) die 2 "--mirror: expected http://…, https://… or file:///ABSOLUTE/PATH, found $base" ;;
    esac
    case $follow in
        '' | stable | beta | alpha) ;;
        *) die 2 "--channel: expected stable, beta or alpha, found $follow" ;;
    esac
    case $asked in
        *[!0-9A-Za-z.-]* | [!0-9]*) die 2 "--version: expected a version like 1.2.3, found $asked" ;;
    esac
    if [ -n "$channel" ] && [ "$asked" != "$version" ]; then
        die 2 "--channel and --version name two. --version with --follow installs one and follows the other"
    fi
    if [ -n "$bundle" ]; then
        [ -z "$mirror$channel" ] || die 2 "--bundle goes with neither --mirror nor --channel"
        [ -f "$bundle" ] || die 17 "--bundle: there is no file $bundle"
        base=file:///
    fi

    for tool in uname mktemp tar gzip rm cat cp; do
        has "$tool" || die 17 "$tool is needed and not on PATH"
    done
    need_tools "$base"
    for tool in sed sort head date mkdir; do
        [ "$channel$asked$bundle" = "$version" ] || has "$tool" ||
            die 17 "$tool is needed and not on PATH"
    done
    make_temporary
    [ -z "$bundle" ] || base=file://$temporary/bundle

    if [ -n "$channel" ]; then
        own=$tag
        by_pointer "$pages" "$channel" || die 10 "nothing says what $channel is at. Try again later, or without --channel"
        [ "$tag" = "$own" ] || hand_over
    elif [ "$asked" != "$version" ]; then
        tag=v$asked
        for file in SHA256SUMS install.sh ${require_signature:+install.sh.sigstore.json}; do
            [ -z "$bundle" ] || take "releases/download/$tag/$file"
        done
        by_release "download/$tag"
        hand_over
    fi

    choose_archive
    for file in release.json release.json.sigstore.json "$archive" \
        ${require_signature:+"$archive.sigstore.json"}; do
        [ -z "$bundle" ] || take "releases/download/$tag/$file"
    done
    url=$base/releases/download/$tag/$archive
    say "downloading $url"
    download "$url" "$temporary/$archive"
    found=$(digest_of "$temporary/$archive")
    if [ "$found" != "$digest" ]; then
        die 11 "$url: digest refused: expected $digest, found ${found:-none}. Nothing was installed"
    fi
    if [ -n "$require_signature" ]; then
        check_signature "$temporary/$archive" "$url" "$workflow@refs/tags/$tag"
        say "The release workflow signed it for $tag, says cosign, and its digest is the one in this script."
    else
        say "The digest is the one in this script: so far this rests on where the script came from."
    fi
    say "From here on the program verifies signatures."

    tar -xzf "$temporary/$archive" -C "$temporary" || die 16 "cannot unpack $archive in $temporary"
    program=$temporary/$product-$target/$product
    [ -f "$program" ] || die 11 "$archive holds no $product-$target/$product"
    set -- self install --archive "$temporary/$archive"
    [ "$base" = "$repository" ] || set -- "$@" --mirror "$base"
    [ -z "$trusted_root" ] || set -- "$@" --trusted-root "$trusted_root"
    [ -z "$dir" ] || set -- "$@" --dir "$dir"
    [ -z "$follow" ] || set -- "$@" --channel "$follow"
    [ -z "$no_modify_path" ] || set -- "$@" --no-modify-path
    code=0
    "$program" "$@" </dev/null || code=$?
    case $code in
        126 | 127)
            say "$product does not start from $temporary: if programs may not run there (noexec), set"
            say "TMPDIR to a folder where they may; else the archive for $target is not for this system"
            code=$((code == 126 ? 16 : 17))
            ;;
    esac
    exit "$code"
}

main "$@"
}
