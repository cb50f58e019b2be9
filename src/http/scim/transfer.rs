//! Large replies on their way to the client. A client that does not read, or reads too slowly, would keep its reply in memory, so
//! there is a number of large replies under way at once, and a time for each.

use std::time::Duration;

use actix_web::rt;
use actix_web::web::Bytes;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Bytes from which on a reply in one text is a large one. One that is made while it is sent always is.
pub(super) const LARGE_REPLY_BYTES: usize = 1 << 20;
/// Large replies under way at once.
pub const LARGE_REPLIES: usize = 16;
/// Those of one tenant, so that its slow clients keep no reply from others.
pub const TENANT_LARGE_REPLIES: usize = 4;
/// Bytes of a text that are handed over at a time. The connection copies them into a buffer of its own.
pub(in crate::http) const PIECE_BYTES: usize = 64 << 10;
/// Time in which a client must have taken the next piece of its reply.
pub const PIECE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time in which a client must have taken a large reply whole.
pub const REPLY_TIMEOUT: Duration = Duration::from_mins(5);
/// Exports under way at once. They have places of their own, so that large replies never wait for one.
pub const EXPORTS: usize = 4;
/// Time in which somebody must have taken an export whole. It is made as slowly as it is read, and holds no connection meanwhile.
pub(in crate::http) const EXPORT_TIMEOUT: Duration = Duration::from_mins(10);
/// Pieces that wait for the connection to take them.
const PIECES_WAITING: usize = 1;

/// How long a client is waited for.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct Patience {
    /// For each piece.
    pub piece: Duration,
    /// For all of them.
    pub whole: Duration,
}

/// What every client gets.
pub(super) const PATIENCE: Patience = Patience { piece: PIECE_TIMEOUT, whole: REPLY_TIMEOUT };

/// The end of a reply that the client did not take in time, or that could not be made. It cuts the connection, so that nobody takes a part for the whole.
#[derive(Debug, thiserror::Error)]
#[error("the reply was broken off")]
pub(in crate::http) struct CutOff;

/// What goes from the task that holds the reply to the connection.
enum Sent {
    Piece(Bytes),
    /// The reply is complete. Without this it was given up.
    End,
}

/// Hands over a reply piece by piece, each made when there is room for it. The reply and its permit are held by a task, not by the
/// connection, which is not asked to do anything while its client does not read.
///
/// # Errors
/// The stream ends with [`CutOff`] when the patience has come to its end, and the reply is dropped.
pub(in crate::http) fn stream(
    pieces: impl Stream<Item = Result<Bytes, CutOff>> + Unpin + 'static,
    permit: impl Send + 'static,
    patience: Patience,
) -> impl Stream<Item = Result<Bytes, CutOff>> + 'static {
    let (sender, mut receiver) = mpsc::channel(PIECES_WAITING);
    rt::spawn(async move {
        let _permit = permit;
        // Whoever receives sees from the missing end that it was too late.
        let _ = timeout(patience.whole, hand_over(pieces, sender, patience.piece)).await;
    });
    stream::poll_fn(move |context| {
        receiver.poll_recv(context).map(|sent| match sent {
            Some(Sent::Piece(piece)) => Some(Ok(piece)),
            Some(Sent::End) => None,
            None => Some(Err(CutOff)),
        })
    })
}

/// A reply that is known to come to its end.
pub(super) fn whole(
    pieces: impl Iterator<Item = Bytes> + 'static,
) -> impl Stream<Item = Result<Bytes, CutOff>> + Unpin + 'static {
    stream::iter(pieces.map(Ok))
}

/// Sends all pieces and the end, or stops where nobody takes the next one in time.
async fn hand_over(
    mut pieces: impl Stream<Item = Result<Bytes, CutOff>> + Unpin,
    sender: mpsc::Sender<Sent>,
    patience: Duration,
) {
    loop {
        let sent = match pieces.next().await {
            Some(Ok(piece)) => Sent::Piece(piece),
            Some(Err(CutOff)) => return,
            None => Sent::End,
        };
        let is_end = matches!(sent, Sent::End);
        if !matches!(timeout(patience, sender.send(sent)).await, Ok(Ok(()))) || is_end {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);
    const LONG: Duration = Duration::from_mins(1);

    /// A reply of a hundred pieces, the permits, and what lives as long as the reply does.
    fn reply(patience: Patience) -> (impl Stream<Item = Result<Bytes, CutOff>> + Unpin, Arc<Semaphore>, Rc<()>) {
        let (permits, held) = (Arc::new(Semaphore::new(1)), Rc::new(()));
        let permit = Arc::clone(&permits).try_acquire_owned().unwrap();
        let own = Rc::clone(&held);
        let pieces = (0..100_u8).map(move |number| {
            let _ = &own;
            Bytes::from(vec![number; 10])
        });
        (stream(whole(pieces), permit, patience), permits, held)
    }

    /// Whether neither the reply nor its permit is held any more.
    fn is_dropped(permits: &Semaphore, held: &Rc<()>) -> bool {
        (permits.available_permits(), Rc::strong_count(held)) == (1, 1)
    }

    #[actix_web::test]
    async fn a_client_that_reads_gets_the_whole() {
        let (stream, permits, held) = reply(Patience { piece: LONG, whole: LONG });
        let pieces: Vec<_> = stream.map(Result::unwrap).collect().await;
        assert_eq!(pieces.concat(), (0..100_u8).flat_map(|number| [number; 10]).collect::<Vec<_>>());
        assert!(is_dropped(&permits, &held));
    }

    #[actix_web::test]
    async fn a_client_that_does_not_take_the_next_piece_in_time_is_cut_off() {
        let (mut stream, permits, held) = reply(Patience { piece: SHORT, whole: LONG });
        stream.next().await.unwrap().unwrap();
        assert!(!is_dropped(&permits, &held));
        rt::time::sleep(SHORT * 3).await;
        assert!(is_dropped(&permits, &held));
        let rest: Vec<_> = stream.take(100).collect().await;
        assert!(rest.iter().take_while(|piece| piece.is_ok()).count() <= PIECES_WAITING + 1);
        assert!(rest.last().unwrap().is_err());
    }

    #[actix_web::test]
    async fn a_client_that_takes_every_piece_in_time_but_not_the_whole_is_cut_off() {
        let (stream, permits, held) = reply(Patience { piece: LONG, whole: SHORT });
        let slowly = stream.then(|piece| async {
            rt::time::sleep(SHORT / 20).await;
            piece
        });
        let taken: Vec<_> = slowly.take_while(|piece| std::future::ready(piece.is_ok())).collect().await;
        assert!((1..=22).contains(&taken.len()), "{}", taken.len());
        assert!(is_dropped(&permits, &held));
    }

    #[actix_web::test]
    async fn a_client_that_goes_away_leaves_nothing_behind() {
        let (mut stream, permits, held) = reply(Patience { piece: LONG, whole: LONG });
        stream.next().await.unwrap().unwrap();
        drop(stream);
        rt::time::sleep(SHORT).await;
        assert!(is_dropped(&permits, &held));
    }
}
