//! Rows about the agents that may use the playbook: whether one is here, and logged in as far as
//! its files tell. No file's contents are shown.

use std::env;
use std::path::{Path, PathBuf};

use super::Row;

/// An agent's command, where its user's files lie, and which of them a login leaves.
struct Agent {
    row: &'static str,
    command: &'static str,
    /// The variable that moves its folder.
    variable: &'static str,
    folder: &'static str,
    login: &'static str,
    /// The variable that serves in place of a login.
    key: &'static str,
    /// Where another place than a file may hold the login.
    elsewhere: bool,
}

const AGENTS: [Agent; 2] = [
    Agent {
        row: "Claude Code",
        command: "claude",
        variable: "CLAUDE_CONFIG_DIR",
        folder: ".claude",
        login: ".credentials.json",
        key: "ANTHROPIC_API_KEY",
        elsewhere: cfg!(target_os = "macos"),
    },
    Agent {
        row: "Codex",
        command: "codex",
        variable: "CODEX_HOME",
        folder: ".codex",
        login: "auth.json",
        key: "OPENAI_API_KEY",
        elsewhere: false,
    },
];

pub(super) fn rows() -> Vec<Row> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).collect();
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    AGENTS
        .iter()
        .map(|agent| {
            let folder = set(agent.variable).map(PathBuf::from);
            let folder = folder.or_else(|| env::home_dir().map(|user| user.join(agent.folder)));
            row(agent, &folders, folder.as_deref(), set(agent.key).is_some())
        })
        .collect()
}

fn row(agent: &Agent, path: &[PathBuf], folder: Option<&Path>, has_key: bool) -> Row {
    let name = format!("{}{}", agent.command, env::consts::EXE_SUFFIX);
    let Some(found) = path.iter().map(|it| it.join(&name)).find(|it| it.is_file()) else {
        return Row::good(agent.row, "not here");
    };
    let found = found.display();
    if has_key {
        return Row::good(agent.row, format!("{found}, with {}", agent.key));
    }
    if folder.is_some_and(|folder| folder.join(agent.login).is_file()) {
        return Row::good(agent.row, format!("{found}, logged in"));
    }
    if agent.elsewhere {
        return Row::not_checked(
            agent.row,
            format!("{found}; the keychain, which may hold its login, is not asked"),
        );
    }
    Row::soft(
        agent.row,
        format!("{found}, not logged in"),
        "it can read the playbook only once it is logged in",
        format!("{} and log in", agent.command),
    )
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use std::fs;

    #[test]
    fn an_agent_is_absent_logged_in_or_to_be_logged_in() {
        let folder = tempfile::tempdir().unwrap();
        let agent = &AGENTS[1];
        let name = format!("codex{}", env::consts::EXE_SUFFIX);
        let path = [folder.path().to_owned()];
        let look = |key| row(agent, &path, Some(folder.path()), key);
        assert_eq!(look(false).found, "not here");
        fs::write(folder.path().join(name), "").unwrap();
        let to_be = look(false);
        assert_eq!((to_be.status, to_be.hard), (Status::Bad, false));
        assert_eq!(look(true).status, Status::Good);
        fs::write(folder.path().join("auth.json"), "secret").unwrap();
        let logged_in = look(false);
        assert_eq!(logged_in.status, Status::Good);
        assert!(!logged_in.found.contains("secret"));
    }
}
