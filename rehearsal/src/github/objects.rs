//! Git's object store: blobs, trees and commits under their real SHA-1 ids, so that any git agrees
//! with them. Relies on nothing but the formats in "Git Internals - Git Objects" (Pro Git).

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::iter;

use axum::body::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

/// The mode of a directory, as the API writes it.
pub(super) const DIRECTORY: &str = "040000";

/// An object's id: SHA-1 in lower-case hex.
pub(super) type ObjectId = String;

/// A directory: what stands under each name.
pub(super) type Tree = BTreeMap<String, Entry>;

/// One name in a tree.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Six octal digits.
    pub(super) mode: String,
    pub(super) id: ObjectId,
}

impl Entry {
    pub(super) fn is_directory(&self) -> bool {
        self.mode == DIRECTORY
    }
}

/// Who made a commit, and when.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) date: Timestamp,
}

/// A commit; its author is its committer.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) tree: ObjectId,
    pub(super) parents: Vec<ObjectId>,
    pub(super) author: Signature,
    pub(super) message: String,
}

/// An annotated tag.
#[derive(Clone, Debug)]
pub(super) struct AnnotatedTag {
    pub(super) name: String,
    pub(super) commit: ObjectId,
    pub(super) tagger: Signature,
    pub(super) message: String,
}

/// The store. Nothing leaves it.
#[derive(Debug, Default)]
pub(super) struct Objects {
    blobs: HashMap<ObjectId, Bytes>,
    trees: HashMap<ObjectId, Tree>,
    commits: HashMap<ObjectId, Commit>,
    tags: HashMap<ObjectId, AnnotatedTag>,
}

fn object_id(kind: &str, content: &[u8]) -> ObjectId {
    let mut hasher = Sha1::new();
    hasher.update(format!("{kind} {}\0", content.len()));
    hasher.update(content);
    hex::encode(hasher.finalize())
}

fn tree_id(tree: &Tree) -> ObjectId {
    let mut entries: Vec<_> = tree.iter().collect();
    // Git sorts a directory as though its name ended in a slash.
    entries.sort_by_key(|(name, entry)| {
        let slash = if entry.is_directory() { "/" } else { "" };
        format!("{name}{slash}").into_bytes()
    });
    let mut content = Vec::new();
    for (name, entry) in entries {
        let mode = entry.mode.trim_start_matches('0');
        content.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        content.extend(hex::decode(&entry.id).unwrap_or_default());
    }
    object_id("tree", &content)
}

fn commit_id(commit: &Commit) -> ObjectId {
    let Commit {
        tree,
        parents,
        author,
        message,
    } = commit;
    let parents: String = parents.iter().map(|id| format!("parent {id}\n")).collect();
    let author = author.line();
    let content = format!("tree {tree}\n{parents}author {author}\ncommitter {author}\n\n{message}");
    object_id("commit", content.as_bytes())
}

fn tag_id(tag: &AnnotatedTag) -> ObjectId {
    let AnnotatedTag {
        name,
        commit,
        tagger,
        message,
    } = tag;
    let tagger = tagger.line();
    let content = format!("object {commit}\ntype commit\ntag {name}\ntagger {tagger}\n\n{message}");
    object_id("tag", content.as_bytes())
}

impl Signature {
    /// Whoever pushes; her name stays with her.
    pub(super) fn of_maintainer(date: Timestamp) -> Self {
        Self {
            name: "maintainer".to_owned(),
            email: "maintainer@localhost".to_owned(),
            date,
        }
    }

    /// As it stands in an object.
    fn line(&self) -> String {
        let Self { name, email, date } = self;
        format!("{name} <{email}> {} +0000", date.as_second())
    }

    /// As the API shows it.
    pub(super) fn shown(&self) -> Value {
        let Self { name, email, date } = self;
        json!({"name": name, "email": email, "date": date})
    }
}

impl Objects {
    pub(super) fn blob(&self, id: &str) -> Option<&Bytes> {
        self.blobs.get(id)
    }

    pub(super) fn commit(&self, id: &str) -> Option<&Commit> {
        self.commits.get(id)
    }

    /// The tree of that id, or the one that the commit of that id holds.
    pub(super) fn tree(&self, id: &str) -> Option<(&str, &Tree)> {
        let id = self.commit(id).map_or(id, |commit| &commit.tree);
        let (id, tree) = self.trees.get_key_value(id)?;
        Some((id, tree))
    }

    /// Whether what `entry` names is there, and of the kind that its mode says.
    pub(super) fn holds(&self, entry: &Entry) -> bool {
        if entry.is_directory() {
            self.trees.contains_key(&entry.id)
        } else {
            self.blobs.contains_key(&entry.id)
        }
    }

    /// What stands at `path` below the tree or commit `root`.
    pub(super) fn entry(&self, root: &str, path: &str) -> Option<&Entry> {
        let (_, tree) = self.tree(root)?;
        match path.split_once('/') {
            None => tree.get(path),
            Some((directory, rest)) => self.entry(&tree.get(directory)?.id, rest),
        }
    }

    /// Every file below the tree or commit `root`, by its path.
    pub(super) fn files(&self, root: &str) -> BTreeMap<String, Bytes> {
        let mut files = BTreeMap::new();
        for (name, entry) in self.tree(root).into_iter().flat_map(|(_, tree)| tree) {
            if entry.is_directory() {
                let below = self.files(&entry.id).into_iter();
                files.extend(below.map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
            } else if let Some(bytes) = self.blob(&entry.id) {
                files.insert(name.clone(), bytes.clone());
            }
        }
        files
    }

    pub(super) fn add_blob(&mut self, bytes: Bytes) -> ObjectId {
        let id = object_id("blob", &bytes);
        self.blobs.insert(id.clone(), bytes);
        id
    }

    pub(super) fn add_tree(&mut self, tree: Tree) -> ObjectId {
        let id = tree_id(&tree);
        self.trees.insert(id.clone(), tree);
        id
    }

    pub(super) fn add_commit(&mut self, commit: Commit) -> ObjectId {
        let id = commit_id(&commit);
        self.commits.insert(id.clone(), commit);
        id
    }

    pub(super) fn tag(&self, id: &str) -> Option<&AnnotatedTag> {
        self.tags.get(id)
    }

    pub(super) fn add_tag(&mut self, name: &str, commit: &str, date: Timestamp) -> ObjectId {
        let tag = AnnotatedTag {
            name: name.to_owned(),
            commit: commit.to_owned(),
            tagger: Signature::of_maintainer(date),
            message: format!("{name}\n"),
        };
        let id = tag_id(&tag);
        self.tags.insert(id.clone(), tag);
        id
    }

    /// A commit made elsewhere, known by its id and its parents alone: an empty tree stands for it.
    pub(super) fn add_foreign_commit(&mut self, id: &str, parents: &[&str], date: Timestamp) {
        if self.commits.contains_key(id) {
            return;
        }
        let commit = Commit {
            tree: self.add_tree(Tree::new()),
            parents: parents.iter().map(|&id| id.to_owned()).collect(),
            author: Signature::of_maintainer(date),
            message: String::new(),
        };
        self.commits.insert(id.to_owned(), commit);
    }

    /// `tree` with `entry` at `path`, the directories on the way made or made anew.
    pub(super) fn with_entry(&mut self, tree: &Tree, path: &str, entry: Entry) -> Tree {
        let mut changed = tree.clone();
        let (name, entry) = match path.split_once('/') {
            None => (path, entry),
            Some((directory, rest)) => {
                let below = tree.get(directory).and_then(|below| self.tree(&below.id));
                let below = below.map(|(_, below)| below.clone()).unwrap_or_default();
                let below = self.with_entry(&below, rest, entry);
                let entry = Entry {
                    mode: DIRECTORY.to_owned(),
                    id: self.add_tree(below),
                };
                (directory, entry)
            }
        };
        changed.insert(name.to_owned(), entry);
        changed
    }

    /// `commit`, and what is reached from it by parents, each once and the nearest first.
    pub(super) fn history<'a>(&'a self, commit: &'a str) -> impl Iterator<Item = &'a str> {
        let mut seen = HashSet::from([commit]);
        let mut left = VecDeque::from([commit]);
        iter::from_fn(move || {
            let id = left.pop_front()?;
            let parents = self.commit(id).into_iter().flat_map(|it| &it.parents);
            left.extend(parents.map(String::as_str).filter(|id| seen.insert(id)));
            Some(id)
        })
    }

    /// Whether `ancestor` is `commit`, or reached from it by parents.
    pub(super) fn descends(&self, commit: &str, ancestor: &str) -> bool {
        self.history(commit).any(|id| id == ancestor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_that_git_computes() {
        // From: git hash-object, mktree, commit-tree and mktag.
        let mut objects = Objects::default();
        let blob = objects.add_blob(Bytes::from_static(b"hello\n"));
        assert_eq!(blob, "ce013625030ba8dba906f756967f9e9ca394464a");
        let entry = Entry {
            mode: "100644".to_owned(),
            id: blob,
        };
        let tree = Tree::from([("a.txt".to_owned(), entry.clone())]);
        let tree = objects.with_entry(&tree, "a/b/c", entry);
        let tree = objects.add_tree(tree);
        assert_eq!(tree, "d86a031e38d5313270d7835dc1fbfc71c5d8c436");
        let commit = Commit {
            tree,
            parents: vec!["fa57dbb3585ccee6d5deb7f0eb642ed79d5c9560".to_owned()],
            author: Signature {
                name: "A".to_owned(),
                email: "a@b".to_owned(),
                date: Timestamp::from_second(1_700_000_000).expect("a date"),
            },
            message: "one\n".to_owned(),
        };
        assert_eq!(
            objects.add_commit(commit),
            "66c0e74cfc5427131f490aad3f0d6b12a0421416"
        );
        let date = Timestamp::from_second(1_700_000_000).expect("a date");
        assert_eq!(
            objects.add_tag("v1.2.3", "0123456789abcdef0123456789abcdef01234567", date),
            "09fcc2a9a8cff7f4ba5ebe0133e15b36805b53d9"
        );
    }
}
