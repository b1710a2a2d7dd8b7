# Installs @PRODUCT@ @VERSION@ on Windows: finds the archive for this machine, downloads it, checks its
# digest against the one written here, and lets the program in it install itself.
# Nothing runs before the last line has been read, so a download that was cut off does nothing.
# Relies on Windows PowerShell 5.1 or PowerShell 7, and on tar.exe for -Bundle.
# One of the scripts of @BOOTSTRAP_TAG@.
<#
.SYNOPSIS
Installs @PRODUCT@ @VERSION@.
.PARAMETER Version
Install this version, by the install script of its release.
.PARAMETER Channel
Install what this channel is at, and follow it: stable, beta or alpha.
.PARAMETER Follow
Have the program follow this channel from then on, whatever is installed.
.PARAMETER Mirror
Take everything from here: http://..., https://... or file:///ABSOLUTE/PATH.
.PARAMETER Bundle
Take everything from this file, which 'bundle create' of the program wrote.
.PARAMETER TrustedRoot
Trust the keys in this trusted_root.json, not the public Sigstore's.
.PARAMETER RequireSignature
Have cosign verify what is downloaded before any of it runs.
.PARAMETER Dir
Install into this folder, not $env:@HOME_VARIABLE@ or ~\.@PRODUCT@.
.PARAMETER NoModifyPath
Do not change PATH.
.LINK
@REPOSITORY@
#>
param(
    [string] $Version,
    [string] $Channel,
    [string] $Follow,
    [string] $Mirror,
    [string] $Bundle,
    [string] $TrustedRoot,
    [switch] $RequireSignature,
    [string] $Dir,
    [switch] $NoModifyPath
)

function Install-Release {
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue'
    Set-StrictMode -Version 2
    $product = '@PRODUCT@'
    $own = '@VERSION@'
    $tag = '@TAG@'
    $repository = '@REPOSITORY@'
    $pages = '@CHANNELS_URL@'
    $releases = '@REPOSITORY@/@RELEASE_WORKFLOW@@refs/tags/'
    $channels = '@REPOSITORY@/@CHANNEL_WORKFLOW@@refs/heads/@DEFAULT_BRANCH@'
    $issuer = '@ISSUER@'
    # <sha256> <target> <archive>, a line for each target.
    $archives = @'
@ARCHIVES@
'@
    if ("$product$own$tag$repository" -like '*@*') {
        Stop-Installation 17 'this is the template of an install script: take the one of a release'
    }
    # PowerShell 7 runs elsewhere too, and has this variable then.
    if ((Test-Path Variable:IsWindows) -and -not $IsWindows) {
        Stop-Installation 17 'this script is for Windows: take install.sh'
    }
    # Windows PowerShell asks for TLS 1.0 by itself.
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12

    if ($Channel) { $Follow = $Channel }
    # Windows PowerShell passes a backslash before a quote on as an escape of it.
    $Dir = $Dir -replace '(?<=[^:])\\+$'
    if ($Follow -and @('stable', 'beta', 'alpha') -cnotcontains $Follow) {
        Stop-Installation 2 "-Channel: expected stable, beta or alpha, found $Follow"
    }
    if ($Version.StartsWith('v')) { $Version = $Version.Substring(1) }
    if ($Version -and $Version -cnotmatch '\A[0-9][0-9A-Za-z.-]*\z') {
        Stop-Installation 2 "-Version: expected a version like 1.2.3, found $Version"
    }
    if ($Channel -and $Version) {
        Stop-Installation 2 '-Channel and -Version name two. -Version with -Follow installs one and follows the other'
    }
    if ($Bundle -and ($Mirror -or $Channel)) {
        Stop-Installation 2 '-Bundle goes with neither -Mirror nor -Channel'
    }
    if ($Mirror -and $Mirror -cnotmatch '\A(https?://.|file:///.)') {
        Stop-Installation 2 "-Mirror: expected http://..., https://... or file:///ABSOLUTE/PATH, found $Mirror"
    }
    if ($Bundle -and -not (Test-Path -LiteralPath $Bundle -PathType Leaf)) {
        Stop-Installation 17 "-Bundle: there is no file $Bundle"
    }
    if ($RequireSignature -and -not (Get-Command cosign -CommandType Application -ErrorAction SilentlyContinue)) {
        Stop-Installation 17 'cosign is needed for -RequireSignature, and is not on PATH'
    }

    $temporary = Join-Path ([IO.Path]::GetTempPath()) ([IO.Path]::GetRandomFileName())
    [void] (New-Item -ItemType Directory -Path $temporary)
    try {
        $base = $repository
        if ($Mirror) { $base = $pages = $Mirror.TrimEnd('/') }
        if ($Bundle) { $base = 'file:///' + $temporary.Replace('\', '/') + '/bundle' }

        if ($Channel) {
            $pointer = Get-Text "$pages/channels/$Channel.json" $channels | ConvertFrom-Json
            $expires = ([datetime] $pointer.expires).ToUniversalTime()
            if ($expires -le [datetime]::UtcNow) {
                Stop-Installation 10 "the pointer of channel $Channel expired at $expires. Try again later, or without -Channel"
            }
            $tags = $pointer.bootstrap.tag
            if ($tags -cne $tag) {
                return Invoke-Script $tags $pointer.bootstrap.scripts.'install.ps1'
            }
        } elseif ($Version -and $Version -cne $own) {
            $folder = "releases/download/v$Version"
            Expand-Member "$folder/SHA256SUMS", "$folder/install.ps1"
            $sums = Get-Text "$base/$folder/SHA256SUMS"
            $digest = [regex]::Match($sums, '(?m)^([0-9a-f]{64})  install\.ps1$').Groups[1].Value
            return Invoke-Script "v$Version" $digest
        }

        # What the system says of itself: a PowerShell that is emulated says what it is emulated as.
        $system = 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Environment'
        $machine = (Get-ItemProperty -LiteralPath $system).PROCESSOR_ARCHITECTURE
        $wanted = @{ AMD64 = 'x86_64-pc-windows-*'; ARM64 = 'aarch64-pc-windows-*' }[$machine]
        $line = @($archives -split "`r?`n" | Where-Object { $wanted -and ($_ -split ' ')[1] -like $wanted })
        if ($line.Count -eq 0) {
            Stop-Installation 17 "$product $own has no archive for Windows on $machine. It has:`n$archives"
        }
        $digest, $target, $archive = $line[0] -split ' '
        $folder = "releases/download/$tag"
        Expand-Member "$folder/release.json", "$folder/release.json.sigstore.json", "$folder/$archive"
        $file = Join-Path $temporary $archive
        Write-Host "downloading $base/$folder/$archive"
        Save-File "$base/$folder/$archive" $file $digest
        if ($RequireSignature) {
            Confirm-Signature $file "$base/$folder/$archive" "$releases$tag"
            Write-Host "The release workflow signed it for $tag, says cosign, and its digest is the one in this script."
        } else {
            Write-Host 'The digest is the one in this script: so far this rests on where the script came from.'
        }
        Write-Host 'From here on the program verifies signatures.'
        Expand-Archive -LiteralPath $file -DestinationPath (Join-Path $temporary 'unpacked')
        $program = Join-Path $temporary "unpacked\$product-$target\$product.exe"
        if (-not (Test-Path -LiteralPath $program)) {
            Stop-Installation 11 "$archive holds no $product-$target/$product.exe"
        }
        $arguments = @('self', 'install', '--archive', $file)
        if ($base -cne $repository) { $arguments += '--mirror', $base }
        if ($TrustedRoot) { $arguments += '--trusted-root', $TrustedRoot }
        if ($Dir) { $arguments += '--dir', $Dir }
        if ($Follow) { $arguments += '--channel', $Follow }
        if ($NoModifyPath) { $arguments += '--no-modify-path' }
        & $program $arguments | Out-Host
        return $LASTEXITCODE
    } finally {
        Remove-Item -LiteralPath $temporary -Recurse -Force -ErrorAction SilentlyContinue
    }
}

# Ends the installation with an exit code and words.
function Stop-Installation([int] $Code, [string] $Words) {
    $ending = New-Object Exception $Words
    $ending.Data['ExitCode'] = $Code
    throw $ending
}

# Downloads a file, which must have the digest where one is given.
function Save-File([string] $Url, [string] $File, [string] $Digest) {
    try {
        if ($Url.StartsWith('file:///')) {
            Copy-Item -LiteralPath $Url.Substring(8) -Destination $File
        } else {
            Invoke-WebRequest -Uri $Url -OutFile $File -UseBasicParsing
        }
    } catch {
        Stop-Installation 10 "cannot download ${Url}: $_. Check the address and the network, and run this again"
    }
    if (-not $Digest) { return }
    $found = (Get-FileHash -LiteralPath $File -Algorithm SHA256).Hash.ToLowerInvariant()
    if ($found -cne $Digest) {
        Stop-Installation 11 "${Url}: digest refused: expected $Digest, found $found. Nothing was installed"
    }
}

# The text of a file, which the signer must have signed where one is given and a signature required.
function Get-Text([string] $Url, [string] $Signer) {
    $file = Join-Path $temporary ([IO.Path]::GetRandomFileName())
    Save-File $Url $file
    if ($RequireSignature -and $Signer) { Confirm-Signature $file $Url $Signer }
    [IO.File]::ReadAllText($file)
}

# Takes files out of the bundle, to where a mirror has them, and no others.
function Expand-Member([string[]] $Names) {
    if (-not $Bundle) { return }
    $folder = Join-Path $temporary 'bundle'
    [void] (New-Item -ItemType Directory -Path $folder -Force)
    if ($RequireSignature) { $Names += "$($Names[-1]).sigstore.json" }
    # Another tar on PATH takes C: for a host.
    & (Join-Path $env:SystemRoot 'System32\tar.exe') -xf $Bundle -C $folder $Names | Out-Host
    if ($LASTEXITCODE -ne 0) {
        Stop-Installation 17 "$Bundle holds no whole $($Names -join ', '): it is not for this version or machine, or is cut off"
    }
}

# Refuses a file and its address, unless the signer signed it.
function Confirm-Signature([string] $File, [string] $Url, [string] $Signer) {
    Save-File "$Url.sigstore.json" "$File.sigstore.json"
    $arguments = @('verify-blob', '--bundle', "$File.sigstore.json", '--certificate-oidc-issuer', $issuer)
    $arguments += '--certificate-identity', $Signer
    # cosign 2 wants to be told of the bundle's format.
    if ((& cosign verify-blob --help | Out-String) -like '*--new-bundle-format*') { $arguments += '--new-bundle-format' }
    if ($TrustedRoot) { $arguments += '--trusted-root', $TrustedRoot }
    & cosign $arguments $File | Out-Host
    if ($LASTEXITCODE -ne 0) {
        Stop-Installation 11 "cosign finds no signature of $Signer. Nothing was run"
    }
}

# Goes on with the script of another release.
function Invoke-Script([string] $Tag, [string] $Digest) {
    if ($Tag -cnotmatch '\A[0-9A-Za-z.-]+\z' -or $Digest -cnotmatch '\A[0-9a-f]{64}\z') {
        Stop-Installation 11 "no digest of install.ps1 is written for $Tag. Nothing was run"
    }
    $url = "$base/releases/download/$Tag/install.ps1"
    $file = Join-Path $temporary 'install.ps1'
    Save-File $url $file $Digest
    # Nothing but the pointer vouches for patched scripts.
    if ($RequireSignature -and -not ($Channel -and $Tag -clike 'bootstrap-*')) {
        Confirm-Signature $file $url "$releases$Tag"
    }
    Write-Host "the script of $url, with the digest that is written for it"
    $arguments = @{}
    foreach ($name in 'Mirror', 'Bundle', 'TrustedRoot', 'RequireSignature', 'Dir', 'Follow', 'NoModifyPath') {
        $value = Get-Variable -Name $name -ValueOnly
        if ($value) { $arguments[$name] = $value }
    }
    # As a block of this session it sets an exit code and does not end it.
    & ([scriptblock]::Create([IO.File]::ReadAllText($file))) @arguments
    return $global:LASTEXITCODE
}

# Read from a pipe this runs in a person's own session, which must not be closed.
function Invoke-Installation {
    $code = 1
    try {
        $code = Install-Release
    } catch {
        if ($_.Exception.Data.Contains('ExitCode')) { $code = $_.Exception.Data['ExitCode'] }
        [Console]::Error.WriteLine("error: $($_.Exception.Message)")
    }
    $global:LASTEXITCODE = $code
    # A file of its own has a path; a block that another script runs has none.
    if ($MyInvocation.ScriptName) { exit $code }
}

Invoke-Installation
