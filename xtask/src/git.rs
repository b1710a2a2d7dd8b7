//! What git knows of a tree. Relies on libgit2, so that no git program is needed and none of its
//! output is parsed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use git2::build::{CheckoutBuilder, TreeUpdateBuilder};
use git2::{
    BranchType, ErrorCode, FileMode, IndexEntryExtendedFlag, Patch, Pathspec, PathspecFlags,
    Repository, Status, StatusOptions, TreeWalkMode, TreeWalkResult,
};
use release_plan::{BootstrapTag, Bump, CommitId, Exit, Instant, Sha256, Tag, Version};

use crate::preparation::Edit;
use crate::{Failure, files};

/// Writes the files of `commit` below `to`, without a repository around them.
pub(crate) fn export(folder: &Path, commit: &CommitId, to: &Path) -> Result<(), Failure> {
    let Tree { repository } = Tree::open(folder)?;
    let commit = repository.find_commit(commit.as_str().parse()?)?;
    files::make_folder(to)?;
    let mut checkout = CheckoutBuilder::new();
    checkout.target_dir(to).force().update_index(false);
    // As they were committed, whatever this person's git makes of line ends.
    checkout.disable_filters(true);
    repository.checkout_tree(commit.as_object(), Some(&mut checkout))?;
    Ok(())
}

/// The lines in which two texts differ, as `git diff` shows them.
pub(crate) fn diff(path: &str, old: &str, new: &str) -> Result<String, Failure> {
    let path = Path::new(path);
    let mut patch =
        Patch::from_buffers(old.as_bytes(), Some(path), new.as_bytes(), Some(path), None)?;
    Ok(String::from_utf8_lossy(&patch.to_buf()?).into_owned())
}

/// What git knows of a work tree before anything of it is read.
pub(crate) struct Origin {
    /// The work tree.
    pub(crate) root: PathBuf,
    /// The address of the remote called origin.
    pub(crate) url: Option<String>,
    /// The branch that origin begins with, or where that is not known the one checked out.
    pub(crate) default_branch: Option<String>,
}

impl Origin {
    /// Of the work tree that `folder` lies in.
    pub(crate) fn of(folder: &Path) -> Result<Self, Failure> {
        let Tree { repository } = Tree::open(folder)?;
        let root = repository.workdir().unwrap_or(folder);
        let root = root
            .canonicalize()
            .map_err(|error| files::failed("resolve", root, &error))?;
        let url = repository.find_remote("origin").ok();
        let url = url.and_then(|remote| Some(remote.url().ok()?.to_owned()));
        let target = |name: &str, below: &str| {
            let reference = repository.find_reference(name).ok()?;
            let target = reference.symbolic_target().ok()??;
            Some(target.strip_prefix(below)?.to_owned())
        };
        let default_branch = target("refs/remotes/origin/HEAD", "refs/remotes/origin/")
            .or_else(|| target("HEAD", "refs/heads/"));
        Ok(Self {
            root,
            url,
            default_branch,
        })
    }
}

/// A work tree and its repository.
pub(crate) struct Tree {
    repository: Repository,
}

/// The commit that a tree stands on.
pub(crate) struct Head {
    pub(crate) commit: CommitId,
    pub(crate) committed_at: Instant,
}

impl Tree {
    /// Opens the repository that `folder` is in.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let repository = Repository::discover(folder).map_err(|error| {
            let message = format!(
                "{}: expected a git work tree, found none ({}); run inside a clone",
                folder.display(),
                error.message()
            );
            Failure::new(Exit::Input, message)
        })?;
        if repository.is_bare() {
            let message = format!(
                "{}: expected a git work tree, found a bare repository; run inside a clone of it",
                repository.path().display()
            );
            return Err(Failure::new(Exit::Input, message));
        }
        Ok(Self { repository })
    }

    /// The commit checked out.
    pub(crate) fn head(&self) -> Result<Head, Failure> {
        let head = match self.repository.head() {
            Ok(head) => head,
            Err(error) if error.code() == ErrorCode::UnbornBranch => {
                let message = "the repository has no commit; commit the tree to be released";
                return Err(Failure::new(Exit::Input, message));
            }
            Err(error) => return Err(error.into()),
        };
        let commit = head.peel_to_commit()?;
        let seconds = commit.time().seconds();
        let committed_at = Instant::from_seconds(seconds).ok_or_else(|| {
            let message = format!("commit {} has the impossible time {seconds}", commit.id());
            Failure::new(Exit::Input, message)
        })?;
        Ok(Head {
            commit: commit.id().to_string().parse()?,
            committed_at,
        })
    }

    /// Paths that differ from the commit, or are in no commit, sorted. Of what is `watched`, files
    /// that git was told to ignore count too, since they would go out with the rest.
    pub(crate) fn changes(&self, watched: &[impl AsRef<str>]) -> Result<Vec<String>, Failure> {
        let mut options = StatusOptions::new();
        options
            .include_untracked(true)
            .recurse_untracked_dirs(true)
            .include_ignored(false);
        let mut ignored = StatusOptions::new();
        ignored.include_ignored(true).recurse_ignored_dirs(true);
        for path in watched {
            ignored.pathspec(path.as_ref());
        }
        let mut paths = BTreeSet::new();
        let looks = if watched.is_empty() { 1 } else { 2 };
        for options in [&mut options, &mut ignored].into_iter().take(looks) {
            let statuses = self.repository.statuses(Some(options))?;
            let changed = statuses
                .iter()
                .filter(|entry| entry.status() != Status::CURRENT);
            paths.extend(changed.map(|entry| text_of(entry.path_bytes())));
        }
        paths.extend(self.unwatched()?);
        Ok(paths.into_iter().collect())
    }

    /// Paths that git was told not to look at (`assume-unchanged`, `skip-worktree`), so that nobody
    /// knows whether they are what was committed.
    fn unwatched(&self) -> Result<Vec<String>, Failure> {
        let index = self.repository.index()?;
        let entries = index.iter().filter(|entry| {
            let extended = IndexEntryExtendedFlag::from_bits_truncate(entry.flags_extended);
            entry.flags & ASSUME_UNCHANGED != 0 || extended.is_skip_worktree()
        });
        Ok(entries.map(|entry| text_of(&entry.path)).collect())
    }

    /// One digest over what differs from the commit: paths, kinds, modes and contents; none for a
    /// clean tree.
    pub(crate) fn changes_sha256(
        &self,
        watched: &[impl AsRef<str>],
    ) -> Result<Option<Sha256>, Failure> {
        let root = self.repository.workdir().unwrap_or(Path::new("."));
        let mut lines = String::new();
        for path in self.changes(watched)? {
            let file = root.join(&path);
            let state = match fs::symlink_metadata(&file) {
                Err(error) if error.kind() == ErrorKind::NotFound => "gone".to_owned(),
                Err(error) => return Err(files::failed("read", &file, &error)),
                Ok(found) if found.is_symlink() => {
                    let target = fs::read_link(&file).unwrap_or_default();
                    format!("link {}", Sha256::of(target.as_os_str().as_encoded_bytes()))
                }
                Ok(found) if found.is_file() => {
                    let kind = if is_program(&found) {
                        "program"
                    } else {
                        "file"
                    };
                    format!("{kind} {}", files::measure(&file)?.sha256())
                }
                Ok(_) => {
                    let message = format!(
                        "{path}: expected a file or a link, found a folder with a repository of \
                         its own; commit it as a submodule, ignore it or move it away"
                    );
                    return Err(Failure::new(Exit::Input, message));
                }
            };
            lines.push_str(&format!("{state}  {path}\n"));
        }
        Ok((!lines.is_empty()).then(|| Sha256::of(lines.as_bytes())))
    }

    /// The commit that a tag stands on, through annotated tags; none where there is no such tag.
    pub(crate) fn tagged(&self, tag: &Tag) -> Result<Option<CommitId>, Failure> {
        match self.repository.find_reference(&tag.reference()) {
            Ok(reference) => Ok(Some(reference.peel_to_commit()?.id().to_string().parse()?)),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The tags under which scripts of `release` went out: its own, and those of patched scripts.
    pub(crate) fn tags_of_scripts(&self, release: &Tag) -> Result<Vec<BootstrapTag>, Failure> {
        let mut tags = Vec::new();
        for name in self.repository.tag_names(None)?.iter() {
            let Some(name) = name? else { continue };
            if let Ok(tag) = name.parse::<BootstrapTag>()
                && tag.release() == release
            {
                tags.push(tag);
            }
        }
        Ok(tags)
    }

    /// The last release that the commit checked out rests on: the highest tag of one, no
    /// pre-release, on a commit before it, or on it where something came since.
    pub(crate) fn last_release(&self) -> Result<Option<Tag>, Failure> {
        self.highest(|tag| tag.version().pre.is_empty(), || self.is_changed())
    }

    /// As [`last_release`](Self::last_release), of pre-releases too.
    pub(crate) fn last_tag(&self) -> Result<Option<Tag>, Failure> {
        self.highest(|_| true, || self.is_changed())
    }

    /// The highest tag other than `tag` that the commit checked out has or rests on.
    pub(crate) fn highest_tag_but(&self, tag: &Tag) -> Result<Option<Tag>, Failure> {
        self.highest(|other| other != tag, || Ok(true))
    }

    /// Whether something came since `version` went out, or a later one.
    pub(crate) fn is_past(&self, version: &Version) -> Result<bool, Failure> {
        let last = self.last_tag()?;
        Ok(last.is_some_and(|last| last.version() >= version))
    }

    fn is_changed(&self) -> Result<bool, Failure> {
        Ok(!self.changes(&[] as &[&str])?.is_empty())
    }

    /// The highest release tag, of those that count, on a commit before the one checked out, or
    /// `here`, on that one. Names that are no release tags are passed over.
    fn highest(
        &self,
        counts: impl Fn(&Tag) -> bool,
        here: impl FnOnce() -> Result<bool, Failure>,
    ) -> Result<Option<Tag>, Failure> {
        let mut releases = BTreeMap::new();
        for name in self.repository.tag_names(Some("v*"))?.iter() {
            let Some(name) = name? else { continue };
            if let Ok(tag) = name.parse::<Tag>()
                && counts(&tag)
            {
                let reference = self.repository.find_reference(&tag.reference())?;
                // What stands on no commit is no release.
                if let Ok(commit) = reference.peel_to_commit() {
                    let on: &mut BTreeSet<_> = releases.entry(commit.id()).or_default();
                    on.insert(tag);
                }
            }
        }
        let head = self.repository.head()?.peel_to_commit()?.id();
        if releases.contains_key(&head) && !here()? {
            releases.remove(&head);
        }
        let highest = releases.values().flatten().max();
        let mut history = self.repository.revwalk()?;
        history.push_head()?;
        // One walk for all tags, which ends at once where the highest is of this line.
        let mut last = None;
        for commit in history {
            last = last.max(releases.get(&commit?).and_then(BTreeSet::last));
            if last == highest {
                break;
            }
        }
        Ok(last.cloned())
    }

    /// What the next version follows where `bump` is declared after `last`: that release, or the last
    /// of those that follow it so and were tagged on other lines.
    pub(crate) fn followed(&self, last: &Tag, bump: Bump) -> Result<Version, Failure> {
        let head = self.head()?.commit;
        let mut followed = last.version().clone();
        loop {
            let next = bump.after(&followed);
            match self.tagged(&Tag::of(&next)?)? {
                Some(commit) if commit != head => followed = next,
                _ => return Ok(followed),
            }
        }
    }

    /// The commit since which a file is as the commit checked out has it, and the one before it; none
    /// where it has no such file.
    pub(crate) fn unchanged_since(
        &self,
        path: &str,
    ) -> Result<Option<(CommitId, Option<CommitId>)>, Failure> {
        let blob = |commit: &git2::Commit<'_>| -> Result<_, git2::Error> {
            Ok(commit
                .tree()?
                .get_path(Path::new(path))
                .ok()
                .map(|it| it.id()))
        };
        let mut commit = self.repository.head()?.peel_to_commit()?;
        let Some(now) = blob(&commit)? else {
            return Ok(None);
        };
        let named = |commit: &git2::Commit<'_>| commit.id().to_string().parse::<CommitId>();
        loop {
            let mut same = None;
            for parent in commit.parents() {
                if blob(&parent)? == Some(now) {
                    same = Some(parent);
                    break;
                }
            }
            let Some(parent) = same else {
                let before = commit.parent(0).ok().map(|parent| named(&parent));
                return Ok(Some((named(&commit)?, before.transpose()?)));
            };
            commit = parent;
        }
    }

    /// The files that are not as they are under the reference or commit `then`, of those that `patterns`
    /// match, sorted.
    pub(crate) fn changed_since(
        &self,
        then: &str,
        patterns: &[impl AsRef<str>],
    ) -> Result<Vec<String>, Failure> {
        let then = self.repository.revparse_single(then)?;
        let mut options = git2::DiffOptions::new();
        for pattern in patterns {
            options.pathspec(pattern.as_ref());
        }
        options.include_untracked(true).recurse_untracked_dirs(true);
        let diff = self
            .repository
            .diff_tree_to_workdir_with_index(Some(&then.peel_to_tree()?), Some(&mut options))?;
        let paths = diff.deltas().filter_map(|delta| {
            let file = delta.new_file().path_bytes();
            file.or_else(|| delta.old_file().path_bytes()).map(text_of)
        });
        Ok(paths.collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// What the commit checked out has under `path`; none where it has nothing there.
    pub(crate) fn committed(&self, path: &str) -> Result<Option<String>, Failure> {
        self.text_at("HEAD", path)
    }

    /// What the reference or commit `then` has under `path`; none where it has nothing there.
    pub(crate) fn text_at(&self, then: &str, path: &str) -> Result<Option<String>, Failure> {
        let tree = self.repository.revparse_single(then)?.peel_to_tree()?;
        let Ok(entry) = tree.get_path(Path::new(path)) else {
            return Ok(None);
        };
        let blob = entry.to_object(&self.repository)?.peel_to_blob()?;
        let text = std::str::from_utf8(blob.content());
        let text = text.map_err(|error| Failure::new(Exit::Input, format!("{path}: {error}")))?;
        Ok(Some(text.to_owned()))
    }

    /// Commits `edits` to what is checked out on a new branch, and leaves index and work tree as
    /// they are.
    pub(crate) fn commit_on(
        &self,
        branch: &str,
        edits: &[Edit],
        message: &str,
    ) -> Result<CommitId, Failure> {
        let repository = &self.repository;
        let input = |message: String| Failure::new(Exit::Input, message);
        if repository.find_branch(branch, BranchType::Local).is_ok() {
            return Err(input(format!(
                "the branch {branch} is there already; look at it, then `git branch -D {branch}`"
            )));
        }
        // Git keeps branches as files in folders, where one name cannot be both.
        let mut above = branch;
        while let Some((parent, _)) = above.rsplit_once('/') {
            let reference = format!("refs/heads/{parent}");
            if repository.find_reference(&reference).is_ok() {
                return Err(input(format!(
                    "{reference} stands in the way of the branch {branch}; rename it: `git branch \
                     -m {parent} OTHER-NAME`"
                )));
            }
            above = parent;
        }
        let person = repository.signature().map_err(|error| {
            input(format!(
                "git does not know who commits ({}); set `user.name` and `user.email`",
                error.message()
            ))
        })?;
        let head = repository.head()?.peel_to_commit()?;
        let before = head.tree()?;
        let mut update = TreeUpdateBuilder::new();
        for Edit { path, new, .. } in edits {
            let Some(new) = new else {
                update.remove(path);
                continue;
            };
            let program = i32::from(FileMode::BlobExecutable);
            let mode = match before.get_path(Path::new(path)) {
                Ok(entry) if entry.filemode() == program => FileMode::BlobExecutable,
                _ => FileMode::Blob,
            };
            update.upsert(path, repository.blob(new.as_bytes())?, mode);
        }
        let after = update.create_updated(repository, &before)?;
        let after = repository.find_tree(after)?;
        let reference = format!("refs/heads/{branch}");
        let commit = repository.commit(
            Some(&reference),
            &person,
            &person,
            message,
            &after,
            &[&head],
        )?;
        Ok(commit.to_string().parse()?)
    }

    /// The files that lie in `folder` under the reference `then`, by their names.
    pub(crate) fn files_at(
        &self,
        then: &str,
        folder: &str,
    ) -> Result<Vec<(String, Vec<u8>)>, Failure> {
        let tree = self.repository.revparse_single(then)?.peel_to_tree()?;
        let Ok(entry) = tree.get_path(Path::new(folder)) else {
            return Ok(Vec::new());
        };
        let tree = entry.to_object(&self.repository)?.peel_to_tree()?;
        let mut files = Vec::new();
        for entry in &tree {
            if let Some(blob) = entry.to_object(&self.repository)?.as_blob() {
                files.push((text_of(entry.name_bytes()), blob.content().to_vec()));
            }
        }
        Ok(files)
    }

    /// The folders that have a file of that name under the reference `then`.
    pub(crate) fn folders_with(&self, then: &str, name: &str) -> Result<BTreeSet<String>, Failure> {
        let tree = self.repository.find_reference(then)?.peel_to_tree()?;
        let mut folders = BTreeSet::new();
        tree.walk(TreeWalkMode::PreOrder, |above, entry| {
            if entry.name_bytes() == name.as_bytes() {
                folders.insert(above.trim_end_matches('/').to_owned());
            }
            TreeWalkResult::Ok
        })?;
        Ok(folders)
    }

    /// Of `paths`, those that one of `patterns` matches.
    pub(crate) fn matching<'a>(
        paths: &'a [String],
        patterns: &[impl AsRef<str>],
    ) -> Result<BTreeSet<&'a str>, Failure> {
        let spec = Pathspec::new(patterns.iter().map(AsRef::as_ref))?;
        let matched = |path: &&str| spec.matches_path(Path::new(path), PathspecFlags::DEFAULT);
        Ok(paths.iter().map(String::as_str).filter(matched).collect())
    }

    /// Whether history was cut off when this was cloned.
    pub(crate) fn is_shallow(&self) -> bool {
        self.repository.is_shallow()
    }
}

/// The bit of an index entry that `git update-index --assume-unchanged` sets
/// (`GIT_INDEX_ENTRY_VALID`).
const ASSUME_UNCHANGED: u16 = 0x8000;

fn text_of(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

#[cfg(unix)]
fn is_program(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_program(_: &fs::Metadata) -> bool {
    false
}

/// Git's own errors are unforeseen, but its words belong to the person.
pub(crate) fn open_head(folder: &Path) -> Result<(Tree, Head), Failure> {
    let tree = Tree::open(folder)?;
    let head = tree.head()?;
    Ok((tree, head))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: [&str; 0] = [];

    fn commit(repository: &Repository) -> git2::Oid {
        let signature =
            git2::Signature::new("a", "a@example.org", &git2::Time::new(1_700_000_000, 0)).unwrap();
        let mut index = repository.index().unwrap();
        index
            .add_all(["*"], git2::IndexAddOption::DEFAULT, None)
            .unwrap();
        index.write().unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let parent = repository
            .head()
            .ok()
            .and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = parent.iter().collect();
        repository
            .commit(Some("HEAD"), &signature, &signature, "m", &tree, &parents)
            .unwrap()
    }

    #[test]
    fn a_bare_repository_is_refused_with_exit_code_17() {
        let folder = tempfile::tempdir().unwrap();
        Repository::init_bare(folder.path()).unwrap();
        let failure = Tree::open(folder.path()).err().unwrap();
        assert_eq!(failure.exit(), Exit::Input);
        assert!(failure.to_string().contains("bare repository"), "{failure}");
    }

    #[test]
    fn a_repository_without_commits_is_refused_with_exit_code_17() {
        let folder = tempfile::tempdir().unwrap();
        Repository::init(folder.path()).unwrap();
        let failure = open_head(folder.path()).err().unwrap();
        assert_eq!(failure.exit(), Exit::Input);
        assert!(failure.to_string().contains("no commit"), "{failure}");
    }

    #[test]
    fn a_folder_outside_any_repository_is_refused_with_exit_code_17() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Tree::open(folder.path()).err().unwrap().exit(), Exit::Input);
    }

    #[test]
    fn the_digest_of_changes_tells_contents_apart_and_is_none_for_a_clean_tree() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        std::fs::write(folder.path().join("a"), "1").unwrap();
        let id = commit(&repository);
        let (tree, head) = open_head(folder.path()).unwrap();
        assert_eq!(head.commit.as_str(), id.to_string());
        assert_eq!(tree.changes_sha256(&NOTHING).unwrap(), None);
        std::fs::write(folder.path().join("a"), "2").unwrap();
        let changed = tree.changes_sha256(&NOTHING).unwrap();
        std::fs::write(folder.path().join("b"), "untracked").unwrap();
        let more = tree.changes_sha256(&NOTHING).unwrap();
        assert!(changed.is_some() && more.is_some() && changed != more);
        assert_eq!(tree.changes(&NOTHING).unwrap(), ["a", "b"]);
    }

    #[cfg(unix)]
    #[test]
    fn kinds_modes_ignored_and_unwatched_files_are_seen() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        let file = |name: &str| folder.path().join(name);
        fs::write(file(".gitignore"), "*.bak\n").unwrap();
        for name in ["a", "b"] {
            fs::write(file(name), "same").unwrap();
        }
        commit(&repository);
        let tree = Tree::open(folder.path()).unwrap();
        let digest = || tree.changes_sha256(&["LICENSE*"]).unwrap();
        assert_eq!(digest(), None);

        fs::write(file("a"), "else").unwrap();
        let plain = digest();
        fs::set_permissions(file("a"), fs::Permissions::from_mode(0o755)).unwrap();
        let program = digest();
        fs::remove_file(file("a")).unwrap();
        symlink("b", file("a")).unwrap();
        let link = digest();
        let seen = BTreeSet::from([plain, program, link]);
        assert_eq!(seen.len(), 3, "{seen:?}");
        fs::remove_file(file("a")).unwrap();
        fs::write(file("a"), "same").unwrap();
        assert_eq!(digest(), None);

        fs::write(file("LICENSE.bak"), "ignored, and would be shipped").unwrap();
        fs::write(file("notes.bak"), "ignored").unwrap();
        assert_eq!(tree.changes(&["LICENSE*"]).unwrap(), ["LICENSE.bak"]);
        fs::remove_file(file("LICENSE.bak")).unwrap();

        let mut index = repository.index().unwrap();
        let mut entry = index.get_path(Path::new("b"), 0).unwrap();
        entry.flags |= ASSUME_UNCHANGED;
        index.add(&entry).unwrap();
        index.write().unwrap();
        fs::write(file("b"), "unseen").unwrap();
        let tree = Tree::open(folder.path()).unwrap();
        assert_eq!(tree.changes(&NOTHING).unwrap(), ["b"]);
    }

    #[test]
    fn a_repository_within_the_tree_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        fs::write(folder.path().join("a"), "1").unwrap();
        commit(&repository);
        let inner = Repository::init(folder.path().join("inner")).unwrap();
        fs::write(folder.path().join("inner/b"), "2").unwrap();
        commit(&inner);
        let tree = Tree::open(folder.path()).unwrap();
        let failure = tree.changes_sha256(&NOTHING).unwrap_err();
        assert_eq!(failure.exit(), Exit::Input);
        assert!(failure.to_string().contains("inner/"), "{failure}");
    }

    #[test]
    fn the_highest_tag_is_by_semver_and_annotated_tags_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::init(folder.path()).unwrap();
        let id = commit(&repository);
        let object = repository.find_object(id, None).unwrap();
        let tagger = git2::Signature::now("a", "a@example.org").unwrap();
        for name in [
            "v0.9.0",
            "v0.10.0",
            "v0.10.0-rc.1",
            "not-a-version",
            "v1.0.0",
        ] {
            repository.tag(name, &object, &tagger, "m", false).unwrap();
        }
        let tree = Tree::open(folder.path()).unwrap();
        let tag: Tag = "v1.0.0".parse().unwrap();
        // What stands on the commit itself is none before it, unless something came after.
        assert_eq!(tree.last_release().unwrap(), None);
        std::fs::write(folder.path().join("new"), "new").unwrap();
        assert_eq!(tree.last_release().unwrap(), Some(tag.clone()));
        let highest = tree.highest_tag_but(&tag).unwrap();
        assert_eq!(highest.unwrap().to_string(), "v0.10.0");
        assert_eq!(tree.tagged(&tag).unwrap().unwrap().as_str(), id.to_string());
        assert_eq!(tree.tagged(&"v2.0.0".parse().unwrap()).unwrap(), None);
    }
}
