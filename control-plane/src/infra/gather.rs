//! Doing together what many ask for at once: while one round is under way, the next one gathers. So one trip to the database, and
//! one commit, serve many requests, and none waits for company: who asks when nothing is under way is served at once, alone.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Something that is done in rounds.
pub trait Round: Send + Sized + 'static {
    /// What a round needs.
    type Context: Send + 'static;
    type Answer: Send + 'static;
    /// The most that one round takes on.
    const MOST: usize;

    /// Does all of it. An answer to each, in the order in which they were asked.
    fn run(context: &Self::Context, asked: Vec<Self>) -> impl Future<Output = Vec<Self::Answer>> + Send;
}

/// The round ended without an answer to this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a round of work ended before its time")]
pub struct Unanswered;

/// Where those who ask meet.
pub struct Gather<R: Round>(Arc<Mutex<State<R>>>);

/// A round's, and who waits for each.
type Asked<R> = (Vec<R>, Vec<oneshot::Sender<<R as Round>::Answer>>);

struct State<R: Round> {
    waiting: VecDeque<(R, oneshot::Sender<R::Answer>)>,
    is_running: bool,
}

impl<R: Round> Default for Gather<R> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { waiting: VecDeque::new(), is_running: false })))
    }
}

impl<R: Round> fmt::Debug for Gather<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").finish_non_exhaustive()
    }
}

impl<R: Round> Gather<R> {
    /// Asks, and waits for the round in which it is done. It is done also if whoever asked no longer waits.
    pub async fn ask(&self, context: impl FnOnce() -> R::Context, asked: R) -> Result<R::Answer, Unanswered> {
        let (answer, answered) = oneshot::channel();
        let begins = {
            let mut state = lock(&self.0);
            state.waiting.push_back((asked, answer));
            !std::mem::replace(&mut state.is_running, true)
        };
        if begins {
            tokio::spawn(rounds(Running(self.0.clone()), context()));
        }
        answered.await.map_err(|_| Unanswered)
    }
}

/// One round after the other, until nobody waits.
async fn rounds<R: Round>(running: Running<R>, context: R::Context) {
    while let Some((asked, answers)) = running.next() {
        for (answer, to) in R::run(&context, asked).await.into_iter().zip(answers) {
            // Whoever asked may have gone.
            let _ = to.send(answer);
        }
    }
}

/// There are rounds while it lives. A round that panics ends it, and with it whoever waits: the next to ask begins anew.
struct Running<R: Round>(Arc<Mutex<State<R>>>);

impl<R: Round> Running<R> {
    fn next(&self) -> Option<Asked<R>> {
        let mut state = lock(&self.0);
        if state.waiting.is_empty() {
            state.is_running = false;
            return None;
        }
        let count = state.waiting.len().min(R::MOST);
        Some(state.waiting.drain(..count).unzip())
    }
}

impl<R: Round> Drop for Running<R> {
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        if std::thread::panicking() {
            state.is_running = false;
            state.waiting.clear();
        }
    }
}

fn lock<R: Round>(state: &Mutex<State<R>>) -> MutexGuard<'_, State<R>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    use super::*;

    /// Answers how many were in its round; waits for a permit first. An odd one panics.
    struct Number(usize);

    impl Round for Number {
        type Context = Arc<Semaphore>;
        type Answer = (usize, usize);
        const MOST: usize = 4;

        async fn run(gate: &Self::Context, asked: Vec<Self>) -> Vec<Self::Answer> {
            gate.acquire().await.unwrap().forget();
            assert!(asked.iter().all(|Self(number)| number % 2 == 0), "an odd one");
            let count = asked.len();
            asked.into_iter().map(|Self(number)| (number, count)).collect()
        }
    }

    #[tokio::test]
    async fn the_first_is_served_alone_and_whoever_came_meanwhile_together() {
        let (gather, gate) = (Gather::<Number>::default(), Arc::new(Semaphore::new(0)));
        let ask = |number| gather.ask(|| gate.clone(), Number(number));
        let all = join_all([0, 2, 4, 6, 8, 10, 12].map(ask));
        let opened = async {
            tokio::task::yield_now().await;
            gate.add_permits(10);
        };
        let (answers, ()) = tokio::join!(all, opened);
        let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [0, 2, 4, 6, 8, 10, 12]);
        let sizes: Vec<_> = answers.iter().map(|(_, count)| *count).collect();
        assert!(sizes.iter().all(|size| *size <= Number::MOST) && sizes.contains(&Number::MOST), "{sizes:?}");
        assert_eq!(gather.ask(|| gate.clone(), Number(14)).await, Ok((14, 1)));
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_done_all_the_same() {
        let (gather, gate) = (Gather::<Number>::default(), Arc::new(Semaphore::new(0)));
        {
            let mut given_up = Box::pin(gather.ask(|| gate.clone(), Number(0)));
            assert!(futures_util::poll!(&mut given_up).is_pending());
        }
        gate.add_permits(2);
        assert!(gather.ask(|| gate.clone(), Number(2)).await.is_ok());
        assert!(lock(&gather.0).waiting.is_empty());
        while gate.available_permits() > 0 && lock(&gather.0).is_running {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_round_that_panics_answers_nobody_and_does_not_stop_the_next() {
        let (gather, gate) = (Gather::<Number>::default(), Arc::new(Semaphore::new(10)));
        assert_eq!(gather.ask(|| gate.clone(), Number(1)).await, Err(Unanswered));
        assert_eq!(gather.ask(|| gate.clone(), Number(2)).await, Ok((2, 1)));
    }
}
