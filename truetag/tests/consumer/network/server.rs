//! A static server as a good one is, with entity tags and ranges, and what may be changed in each
//! answer of it. Relies on nothing but std and rustls.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use release_plan::Sha256;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    /// Names in small letters.
    headers: Vec<(String, String)>,
    /// Bytes of it.
    pub(crate) size: usize,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(of, _)| of == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_for_archive(&self) -> bool {
        self.path.ends_with(".tar.gz")
    }

    pub(crate) fn is_for_pointer(&self) -> bool {
        self.path.ends_with("/stable.json")
    }
}

/// An answer that is about to be sent.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Bytes of the body, as the head says.
    pub(crate) length: Option<u64>,
    pub(crate) body: Body,
    /// After how many bytes of the body the connection is closed.
    pub(crate) cut: Option<u64>,
    /// Whether the body comes byte by byte, ten a second.
    pub(crate) drips: bool,
}

pub(crate) enum Body {
    Bytes(Vec<u8>),
    /// A file from some byte on.
    File(PathBuf, u64),
}

impl Reply {
    pub(crate) fn of(status: u16, body: &[u8]) -> Self {
        Self {
            status,
            headers: Vec::new(),
            length: Some(body.len() as u64),
            body: Body::Bytes(body.to_owned()),
            cut: None,
            drips: false,
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.retain(|(of, _)| *of != name);
        self.headers.push((name, value.to_string()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(of, _)| *of != name);
        self
    }

    pub(crate) fn cut(mut self, after: u64) -> Self {
        self.cut = Some(after);
        self
    }

    /// Of a file as a good server answers.
    fn good(root: &Path, request: &Request) -> Self {
        let path = root.join(request.path.trim_start_matches('/'));
        let Ok(metadata) = fs::metadata(&path) else {
            return Self::of(404, b"not here\n");
        };
        let size = metadata.len();
        let state = format!(
            "{} {size} {:?}",
            path.display(),
            metadata.modified().unwrap()
        );
        let etag = format!("\"{}\"", &Sha256::of(state.as_bytes()).to_string()[..16]);
        if request.header("if-none-match") == Some(&etag) {
            return Self {
                length: None,
                ..Self::of(304, b"").with("ETag", etag)
            };
        }
        let same = request.header("if-range").is_none_or(|of| of == etag);
        let range = request.header("range").filter(|_| same);
        let from = range.map(|range| {
            let from = range.strip_prefix("bytes=").unwrap();
            from.strip_suffix('-').unwrap().parse::<u64>().unwrap()
        });
        let (status, range) = match from {
            None => (200, None),
            Some(from) if from >= size => {
                return Self::of(416, b"").with("Content-Range", format!("bytes */{size}"));
            }
            Some(from) => (206, Some(format!("bytes {from}-{}/{size}", size - 1))),
        };
        let from = from.unwrap_or(0);
        let mut reply = Self {
            length: Some(size - from),
            body: Body::File(path, from),
            ..Self::of(status, b"").with("ETag", etag)
        };
        if let Some(range) = range {
            reply = reply.with("Content-Range", range);
        }
        reply
    }

    /// Returns how many bytes were sent.
    fn send(self, to: &mut impl Write) -> io::Result<usize> {
        let mut head = format!("HTTP/1.1 {} -\r\nConnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(length) = self.length {
            head += &format!("Content-Length: {length}\r\n");
        }
        head += "\r\n";
        to.write_all(head.as_bytes())?;
        let body: Box<dyn Read> = match self.body {
            Body::Bytes(bytes) => Box::new(io::Cursor::new(bytes)),
            Body::File(path, from) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(from))?;
                Box::new(file)
            }
        };
        let mut sent = 0;
        if self.drips {
            for byte in BufReader::new(body).bytes() {
                to.write_all(&[byte?])?;
                to.flush()?;
                sent += 1;
                thread::sleep(Duration::from_millis(100));
            }
        } else {
            sent = io::copy(&mut body.take(self.cut.unwrap_or(u64::MAX)), to)?;
        }
        to.flush()?;
        Ok(head.len() + usize::try_from(sent).unwrap())
    }
}

/// A request, and how many bytes were sent in answer to it.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    pub(crate) answered: usize,
}

/// A server that runs until the test's process ends.
pub(crate) struct Static {
    pub(crate) url: String,
    exchanges: Arc<Mutex<Vec<Exchange>>>,
}

impl Static {
    /// Serves `root`, with `change` made to each answer; it is told how many requests of that path
    /// came before.
    pub(crate) fn start(
        root: PathBuf,
        change: impl Fn(&Request, usize, Reply) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::listen("http", root, change, |stream, serve| serve(&mut &stream))
    }

    /// The same behind TLS.
    pub(crate) fn start_tls(
        config: ServerConfig,
        root: PathBuf,
        change: impl Fn(&Request, usize, Reply) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let config = Arc::new(config);
        Self::listen("https", root, change, move |stream, serve| {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            serve(&mut stream)?;
            stream.conn.send_close_notify();
            stream.flush()
        })
    }

    fn listen(
        scheme: &str,
        root: PathBuf,
        change: impl Fn(&Request, usize, Reply) -> Reply + Send + Sync + 'static,
        wrap: impl Fn(TcpStream, &dyn Fn(&mut dyn Stream) -> io::Result<()>) -> io::Result<()>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let exchanges: Arc<Mutex<Vec<Exchange>>> = Arc::default();
        let seen = exchanges.clone();
        let shared = Arc::new((root, change, wrap));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, seen, shared) = (stream.unwrap(), seen.clone(), shared.clone());
                thread::spawn(move || {
                    let (root, change, wrap) = &*shared;
                    let serve = |stream: &mut dyn Stream| {
                        let Some(request) = read(stream)? else {
                            return Ok(());
                        };
                        let at = {
                            let mut seen = seen.lock().unwrap();
                            let before = seen.iter().map(|exchange: &Exchange| &exchange.request);
                            let before = before.filter(|before| before.path == request.path);
                            let before = before.count();
                            seen.push(Exchange {
                                request: request.clone(),
                                answered: 0,
                            });
                            (seen.len() - 1, before)
                        };
                        let reply = change(&request, at.1, Reply::good(root, &request));
                        let answered = reply.send(&mut &mut *stream)?;
                        seen.lock().unwrap()[at.0].answered = answered;
                        Ok(())
                    };
                    // Whoever has read enough goes away.
                    let _ = wrap(stream, &serve);
                });
            }
        });
        Self { url, exchanges }
    }

    pub(crate) fn exchanges(&self) -> Vec<Exchange> {
        self.exchanges.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        let exchanges = self.exchanges().into_iter();
        exchanges.map(|exchange| exchange.request).collect()
    }

    /// The ranges asked of the archive, one for each request.
    pub(crate) fn ranges(&self) -> Vec<Option<String>> {
        let requests = self.requests().into_iter();
        requests
            .filter(Request::is_for_archive)
            .map(|request| request.header("range").map(str::to_owned))
            .collect()
    }
}

pub(crate) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// None when the connection was closed without a request.
pub(crate) fn read(stream: &mut dyn Stream) -> io::Result<Option<Request>> {
    let mut lines = BufReader::new(stream);
    let mut size = 0;
    let mut line = || -> io::Result<String> {
        let mut line = String::new();
        size += lines.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    };
    let first = match line() {
        Ok(first) if first.is_empty() => return Ok(None),
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
        first => first?,
    };
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    Ok(Some(Request {
        path,
        headers,
        size,
    }))
}
