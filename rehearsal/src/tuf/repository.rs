//! The repository as a value: what its roles say, who signs it, and the files that come of it (TUF
//! specification 1.0). Relies on `sigstore-tuf` for the canonical form that is signed.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use jiff::{Timestamp, ToSpan};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::rand_core::OsRng;
use p256::pkcs8::{EncodePublicKey, LineEnding};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sigstore_tuf::canonical_json::to_canonical_bytes;

/// Of three keys of the root and targets roles, two must sign.
const KEYS: usize = 3;
const THRESHOLD: usize = 2;

/// The four top-level roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Names the keys of all roles.
    Root,
    /// Lists targets with length and digest.
    Targets,
    /// Lists the version of the targets metadata.
    Snapshot,
    /// Lists the version of the snapshot, and expires within days.
    Timestamp,
}

/// A TUF repository.
#[derive(Clone)]
pub struct Repository {
    /// They sign root and targets.
    offline: Vec<Key>,
    /// It signs snapshot and timestamp.
    online: Key,
    /// What each role says: the signed part of its file.
    says: [Value; 4],
    files: BTreeMap<String, Vec<u8>>,
}

impl Repository {
    /// A repository begun at `now`, whose first version lists `trusted_root` as
    /// `trusted_root.json`. Its timestamps expire after a week, its roots after half a year.
    #[must_use]
    pub fn new(trusted_root: &str, now: Timestamp) -> Self {
        let role = |role: Role, hours: i64| {
            json!({
                "_type": role.name(),
                "spec_version": "1.0.31",
                "version": 0,
                "expires": format!("{:.0}", now + hours.hours()),
            })
        };
        let mut repository = Self {
            offline: keys(),
            online: Key::new(),
            says: [
                role(Role::Root, 24 * 180),
                role(Role::Targets, 24 * 3650),
                role(Role::Snapshot, 24 * 3650),
                role(Role::Timestamp, 24 * 7),
            ],
            files: BTreeMap::new(),
        };
        repository.says(Role::Root)["consistent_snapshot"] = json!(true);
        repository.sign_root(&[]);
        repository.publish("trusted_root.json", trusted_root);
        repository
    }

    /// Publishes a target, and new versions of the roles that lead to it.
    pub fn publish(&mut self, name: &str, target: &str) {
        let sha256 = hex::encode(Sha256::digest(target));
        let listed = json!({"length": target.len(), "hashes": {"sha256": sha256}});
        self.says(Role::Targets)["targets"][name] = listed;
        let path = format!("targets/{sha256}.{name}");
        self.files.insert(path, target.as_bytes().to_vec());
        for role in [Role::Targets, Role::Snapshot, Role::Timestamp] {
            self.alter(role, raise);
        }
    }

    /// Replaces every key. The new root is signed by the old keys and the new ones.
    pub fn rotate(&mut self) {
        let old = std::mem::replace(&mut self.offline, keys());
        self.online = Key::new();
        self.sign_root(&old);
        for role in [Role::Targets, Role::Snapshot, Role::Timestamp] {
            self.alter(role, raise);
        }
    }

    /// Alters what a role says and signs it, as somebody could who holds its keys. The role that
    /// lists it names the new version once that is signed anew too.
    pub fn alter(&mut self, role: Role, change: impl FnOnce(&mut Value)) {
        change(self.says(role));
        let keys = match role {
            Role::Root | Role::Targets => &self.offline[..THRESHOLD],
            Role::Snapshot | Role::Timestamp => std::slice::from_ref(&self.online),
        };
        let says = &self.says[role as usize];
        let file = envelope(says, keys.iter());
        let listed = json!({"version": says["version"]});
        match role {
            Role::Targets => self.says(Role::Snapshot)["meta"]["targets.json"] = listed,
            Role::Snapshot => self.says(Role::Timestamp)["meta"]["snapshot.json"] = listed,
            Role::Root | Role::Timestamp => {}
        }
        self.files.insert(self.name(role), file);
    }

    /// Alters a file as it lies there, which nobody signs anew.
    ///
    /// # Panics
    /// When there is no such file, or it is no JSON.
    pub fn edit(&mut self, name: &str, change: impl FnOnce(&mut Value)) {
        let file = self.files.get_mut(name).expect("the file exists");
        let mut value = serde_json::from_slice(file).expect("metadata is JSON");
        change(&mut value);
        *file = value.to_string().into_bytes();
    }

    /// The files under their names, to be read or replaced.
    pub fn files(&mut self) -> &mut BTreeMap<String, Vec<u8>> {
        &mut self.files
    }

    /// The first `root.json`, with which a client begins.
    ///
    /// # Panics
    /// When it was removed.
    #[must_use]
    pub fn first_root(&self) -> &[u8] {
        &self.files["1.root.json"]
    }

    /// The file of a role's newest version.
    #[must_use]
    pub fn name(&self, role: Role) -> String {
        match role {
            Role::Timestamp => "timestamp.json".to_owned(),
            _ => format!(
                "{}.{}.json",
                self.says[role as usize]["version"],
                role.name()
            ),
        }
    }

    /// Writes all files below `folder`, as a mirror has them.
    ///
    /// # Errors
    /// When one cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder.join("targets"))?;
        for (name, file) in &self.files {
            fs::write(folder.join(name), file)?;
        }
        Ok(())
    }

    fn says(&mut self, role: Role) -> &mut Value {
        &mut self.says[role as usize]
    }

    /// The next root, with the keys that are the repository's now, signed by them and by `old`.
    fn sign_root(&mut self, old: &[Key]) {
        let all = self.offline.iter().chain([&self.online]);
        let public: Value = all.map(|key| (key.id(), key.public())).collect();
        let role = |keys: &[Key], threshold: usize| {
            let ids: Vec<_> = keys.iter().map(Key::id).collect();
            json!({"keyids": ids, "threshold": threshold})
        };
        let offline = role(&self.offline, THRESHOLD);
        let online = role(std::slice::from_ref(&self.online), 1);
        let root = self.says(Role::Root);
        root["keys"] = public;
        root["roles"] = json!({
            "root": offline, "targets": offline, "snapshot": online, "timestamp": online,
        });
        raise(root);
        let new = self.offline[..THRESHOLD].iter();
        let file = envelope(
            &self.says[Role::Root as usize],
            new.chain(old.iter().take(THRESHOLD)),
        );
        self.files.insert(self.name(Role::Root), file);
    }
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }
}

fn raise(says: &mut Value) {
    let version = says["version"].as_u64().unwrap_or_default();
    says["version"] = json!(version + 1);
}

fn keys() -> Vec<Key> {
    (0..KEYS).map(|_| Key::new()).collect()
}

fn envelope<'a>(says: &Value, keys: impl Iterator<Item = &'a Key>) -> Vec<u8> {
    let message = canonical(says);
    let signatures: Vec<_> = keys
        .map(|key| {
            let signature: DerSignature = key.0.sign(&message);
            json!({"keyid": key.id(), "sig": hex::encode(signature.as_bytes())})
        })
        .collect();
    let mut file = serde_json::to_vec_pretty(&json!({"signatures": signatures, "signed": says}))
        .expect("JSON values serialise");
    file.push(b'\n');
    file
}

fn canonical(value: &Value) -> Vec<u8> {
    to_canonical_bytes(value).expect("roles have no number with a fraction")
}

/// A key of `ecdsa-sha2-nistp256`, known by the digest of its canonical form.
#[derive(Clone)]
struct Key(SigningKey);

impl Key {
    fn new() -> Self {
        Self(SigningKey::random(&mut OsRng))
    }

    fn id(&self) -> String {
        hex::encode(Sha256::digest(canonical(&self.public())))
    }

    fn public(&self) -> Value {
        let pem = self.0.verifying_key().to_public_key_pem(LineEnding::LF);
        let pem = pem.expect("a P-256 key encodes");
        json!({
            "keytype": "ecdsa",
            "scheme": "ecdsa-sha2-nistp256",
            "keyval": {"public": pem},
        })
    }
}
