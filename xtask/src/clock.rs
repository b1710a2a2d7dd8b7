//! The time, and how to let it pass: this machine's, or one that a test moves on.

use std::time::Duration;

use jiff::Timestamp;

/// A clock.
#[derive(Debug, Clone, Default)]
pub(crate) enum Clock {
    /// This machine's.
    #[default]
    System,
    /// One that stands still unless somebody sleeps, who then does not wait.
    #[cfg(test)]
    Moved(std::sync::Arc<std::sync::Mutex<Timestamp>>),
}

impl Clock {
    /// A clock that stands at this machine's time until somebody sleeps.
    #[cfg(test)]
    pub(crate) fn moved() -> Self {
        Self::Moved(std::sync::Arc::new(std::sync::Mutex::new(Timestamp::now())))
    }

    pub(crate) fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            #[cfg(test)]
            Self::Moved(time) => *time.lock().unwrap(),
        }
    }

    pub(crate) async fn sleep(&self, time: Duration) {
        match self {
            Self::System => tokio::time::sleep(time).await,
            #[cfg(test)]
            Self::Moved(now) => {
                *now.lock().unwrap() += time;
                tokio::task::yield_now().await;
            }
        }
    }
}
