//! One listener on loopback for one router, on a thread of its own. Relies on tokio and axum.

use std::future::IntoFuture;
use std::io;
use std::net::SocketAddr;
use std::thread::JoinHandle;

use axum::Router;
use tokio::sync::oneshot;

use crate::line::{Door, Line};

/// A router served on `127.0.0.1` until dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds a port of the system's choice first, so that `router` can be made for the address it
    /// will answer on.
    ///
    /// # Errors
    /// When loopback cannot be bound or a runtime cannot be started.
    pub fn start(router: impl FnOnce(SocketAddr) -> Router) -> io::Result<Self> {
        Self::start_at(0, router)
    }

    /// As [`Self::start`], at a port of the caller's choice; 0 for the system's.
    ///
    /// # Errors
    /// As [`Self::start`]; also when somebody else has the port.
    pub fn start_at(port: u16, router: impl FnOnce(SocketAddr) -> Router) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let door = Door::new(runtime.handle().clone(), port)?;
        let address = door.address();
        let router = router(address).into_make_service_with_connect_info::<Line>();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let serve = axum::serve(door.clone(), router).into_future();
                tokio::select! {
                    _ = serve => {}
                    _ = stopped => {}
                }
            });
            door.close();
            runtime.shutdown_background();
        });
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// `http://127.0.0.1:PORT`, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
