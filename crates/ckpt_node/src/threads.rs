//! Threads for calls that take long, kept for a while: a conversion of a small model makes ten such calls, and to start a
//! thread for each costs more than most of them.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

type Job = Box<dyn FnOnce() + Send>;

/// How long a thread waits for another call before it ends.
const IDLE: Duration = Duration::from_secs(2);

struct Threads {
    state: Mutex<State>,
    called: Condvar,
}

#[derive(Default)]
struct State {
    /// Jobs for threads that wait; never more than there are of those.
    jobs: VecDeque<Job>,
    waiting: usize,
}

static THREADS: Threads =
    Threads { state: Mutex::new(State { jobs: VecDeque::new(), waiting: 0 }), called: Condvar::new() };

/// Runs a job, which must not panic, at once: on a thread that waits for one, or else on a new one.
pub fn run(job: impl FnOnce() + Send + 'static) -> io::Result<()> {
    THREADS.run(Box::new(job))
}

impl Threads {
    fn run(&'static self, job: Job) -> io::Result<()> {
        let mut state = self.lock();
        if state.waiting > state.jobs.len() {
            state.jobs.push_back(job);
            drop(state);
            self.called.notify_one();
            return Ok(());
        }
        drop(state);
        let work = move || {
            let mut job = Some(job);
            while let Some(next) = job {
                next();
                job = self.next();
            }
        };
        thread::Builder::new().name("nemotron".into()).spawn(work).map(drop)
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        state.waiting += 1;
        let wait = self.called.wait_timeout_while(state, IDLE, |state| state.jobs.is_empty());
        let (mut state, _) = wait.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state.jobs.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::sync::mpsc::channel;

    #[test]
    fn jobs_that_wait_for_each_other_have_threads_of_their_own_and_later_ones_use_them_again() {
        let (tell, told) = channel();
        let mut known = HashSet::new();
        for round in 0..50 {
            let gate = std::sync::Arc::new(std::sync::Barrier::new(8));
            for _ in 0..8 {
                let (tell, gate) = (tell.clone(), gate.clone());
                run(move || {
                    gate.wait();
                    tell.send(thread::current().id()).unwrap();
                })
                .unwrap();
            }
            let used: HashSet<_> = (0..8).map(|_| told.recv().unwrap()).collect();
            assert_eq!(used.len(), 8, "round {round}");
            known.extend(used);
            // A thread waits again a moment after its job has told.
            while THREADS.lock().waiting < known.len() {
                thread::yield_now();
            }
        }
        assert_eq!(known.len(), 8);
    }
}
