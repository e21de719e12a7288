//! A mail server that answers as it is told.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the server does instead of, or beside, its usual answer.
#[derive(Clone)]
pub enum Answer {
    /// What every server says.
    Usual,
    /// Something else, as it is but for the line end.
    Say(&'static [u8]),
    /// Says it and closes at once.
    SayAndClose(&'static [u8]),
    /// Closes without a word.
    Close,
    /// Says nothing and stays.
    Silence,
}

/// A command, by its connection (from 0), its number in the connection, and its line: `CONNECT` for the greeting, `.` for
/// the end of a message.
pub type Script = dyn Fn(usize, usize, &str) -> Answer + Send + Sync;

/// What the server saw.
#[derive(Default)]
pub struct Seen {
    /// Connections so far.
    pub connections: usize,
    /// Connections that are open.
    pub open: usize,
    /// The most that were open at once.
    pub most_open: usize,
    /// The commands, in order.
    pub commands: Vec<String>,
    /// The messages, as they came over the wire.
    pub messages: Vec<Vec<u8>>,
}

/// A running server; dropping it ends it.
pub struct Server {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    /// What it saw.
    pub seen: Arc<Mutex<Seen>>,
    listening: JoinHandle<()>,
}

impl Server {
    /// Waits until a command has come.
    pub async fn reached(&self, command: &str) {
        while !self.seen.lock().unwrap().commands.iter().any(|seen| seen.starts_with(command)) {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Starts a server.
pub async fn serve(script: impl Fn(usize, usize, &str) -> Answer + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (seen, script): (_, Arc<Script>) = (Arc::<Mutex<Seen>>::default(), Arc::new(script));
    let told = Arc::clone(&seen);
    let listening = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let number = {
                let mut seen = told.lock().unwrap();
                seen.connections += 1;
                seen.open += 1;
                seen.most_open = seen.most_open.max(seen.open);
                seen.connections - 1
            };
            let (told, script) = (Arc::clone(&told), Arc::clone(&script));
            tokio::spawn(async move {
                // An error is the client's going away.
                let _gone = converse(stream, number, &*script, &told).await;
                told.lock().unwrap().open -= 1;
            });
        }
    });
    Server { port, seen, listening }
}

async fn converse(stream: TcpStream, number: usize, script: &Script, seen: &Mutex<Seen>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut command = "CONNECT".to_owned();
    let mut count = 0;
    loop {
        seen.lock().unwrap().commands.push(command.clone());
        let usual: &[u8] = match command.split([' ', ':']).next().unwrap() {
            "CONNECT" => b"220 test",
            "EHLO" => b"250-test\r\n250 8BITMIME",
            "DATA" => b"354 go on",
            "." => b"250 2.0.0 Ok: queued as 4ZbX",
            "QUIT" => b"221 bye",
            _ => b"250 2.1.0 Ok",
        };
        let (words, stays) = match script(number, count, &command) {
            Answer::Usual => (usual, true),
            Answer::Say(words) => (words, true),
            Answer::SayAndClose(words) => (words, false),
            Answer::Close => return Ok(()),
            Answer::Silence => {
                stream.read_until(0, &mut Vec::new()).await?;
                return Ok(());
            }
        };
        stream.write_all(words).await?;
        stream.write_all(b"\r\n").await?;
        if !stays {
            return Ok(());
        }
        if words.starts_with(b"354") {
            let mut message = Vec::new();
            while !message.ends_with(b"\r\n.\r\n") {
                if stream.read_until(b'\n', &mut message).await? == 0 {
                    return Ok(());
                }
            }
            seen.lock().unwrap().messages.push(message);
            command = ".".to_owned();
        } else {
            command.clear();
            if stream.read_line(&mut command).await? == 0 {
                return Ok(());
            }
            command.truncate(command.trim_end().len());
        }
        count += 1;
    }
}
