//! The sockets of a server: a door that can be shut, so that it refuses as a machine does where
//! nothing listens, and lines to clients that can be reset. Relies on axum to give each request the
//! line that it came on, and on hyper to flush, and so to hear that the line is dead, whenever the
//! connection is woken.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use futures_util::future::{Pending, pending};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// A port of `127.0.0.1` that clients connect to while it is open. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Door(Arc<Port>);

#[derive(Debug)]
struct Port {
    address: SocketAddr,
    /// Bound to the same port, where the system allows it, so that nobody else is given the port
    /// while the door is shut.
    _reserved: Option<TcpSocket>,
    runtime: Handle,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// None while the door is shut.
    listener: Option<TcpListener>,
    closed: bool,
    /// Whoever accepts, and waits.
    waiting: Option<Waker>,
    lines: Vec<Weak<Hold>>,
}

/// One connection, as requests on it know it.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    hold: Arc<Hold>,
    door: Door,
}

/// What a connection's owner and those who may reset it share.
#[derive(Debug, Default)]
struct Hold {
    dead: AtomicBool,
    connection: AtomicWaker,
}

impl Door {
    /// An open door at `port`, 0 for one of the system's choice, served on `runtime`.
    pub(crate) fn new(runtime: Handle, port: u16) -> io::Result<Self> {
        let _entered = runtime.enter();
        let socket = socket((Ipv4Addr::LOCALHOST, port).into())?;
        let address = socket.local_addr()?;
        // Before the first listens: a port that is listened on cannot be shared.
        let reserved = self::socket(address).ok();
        let state = State {
            listener: Some(socket.listen(BACKLOG)?),
            ..State::default()
        };
        Ok(Self(Arc::new(Port {
            address,
            _reserved: reserved,
            runtime: runtime.clone(),
            state: Mutex::new(state),
        })))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// From now on whoever connects is refused, and every connection there is has been reset.
    pub(crate) fn shut(&self) {
        let mut state = self.state();
        state.listener = None;
        for hold in state.lines.drain(..) {
            hold.upgrade().iter().for_each(|hold| hold.kill());
        }
    }

    /// The end: whoever connects is refused for ever. Who is connected stays.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.listener = None;
        state.closed = true;
    }

    /// Lets clients connect again, unless the door is closed for ever.
    ///
    /// # Panics
    /// When somebody else has taken the port.
    pub(crate) fn open(&self) {
        let _entered = self.0.runtime.enter();
        let mut state = self.state();
        if state.listener.is_none() && !state.closed {
            let listener = socket(self.0.address).and_then(|socket| socket.listen(BACKLOG));
            state.listener = Some(listener.expect("the port can be listened on again"));
            state.waiting.take().into_iter().for_each(Waker::wake);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<(Socket, Line)> {
        let mut state = self.state();
        state.waiting = Some(cx.waker().clone());
        let stream = match &state.listener {
            None => return Poll::Pending,
            Some(listener) => std::task::ready!(listener.poll_accept(cx)),
        };
        let Ok((stream, _)) = stream else {
            // The client is gone already, or there are too many: whoever waits asks again.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        let hold = Arc::new(Hold::default());
        state.lines.retain(|hold| hold.strong_count() > 0);
        state.lines.push(Arc::downgrade(&hold));
        let line = Line {
            hold: hold.clone(),
            door: self.clone(),
        };
        Poll::Ready((Socket { stream, hold }, line))
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Elsewhere it would let a stranger listen beside.
    socket.set_reuseaddr(cfg!(unix))?;
    socket.bind(address)?;
    Ok(socket)
}

impl Listener for Door {
    type Io = Socket;
    type Addr = Line;

    async fn accept(&mut self) -> (Socket, Line) {
        std::future::poll_fn(|cx| self.poll_accept(cx)).await
    }

    fn local_addr(&self) -> io::Result<Line> {
        Ok(Line {
            hold: Arc::default(),
            door: self.clone(),
        })
    }
}

impl Connected<IncomingStream<'_, Door>> for Line {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.remote_addr().clone()
    }
}

impl Line {
    /// Closes the connection with a reset, at once and without another byte. Whoever would answer
    /// awaits what this returns, and is dropped with the connection.
    pub(crate) fn reset<T>(&self) -> Pending<T> {
        self.hold.kill();
        pending()
    }

    pub(crate) fn door(&self) -> &Door {
        &self.door
    }
}

impl Hold {
    fn kill(&self) {
        self.dead.store(true, Ordering::Release);
        self.connection.wake();
    }
}

/// A connection that dies when its line is reset.
pub(crate) struct Socket {
    stream: TcpStream,
    hold: Arc<Hold>,
}

impl Socket {
    /// Fails once the line is reset.
    fn alive(&mut self, cx: &Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        self.hold.connection.register(cx.waker());
        if self.hold.dead.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(Pin::new(&mut self.stream))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.hold.dead.load(Ordering::Acquire) {
            // Without it the client would read an end in place of a reset.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.alive(cx)?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.alive(cx)?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.alive(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.alive(cx)?.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.alive(cx)?.poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
