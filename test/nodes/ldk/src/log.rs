//! The end of a node's log: the only place where LDK tells which failure a payment met.

use lightning::util::logger::{Level, Logger, Record};
use std::cell::RefCell;
use std::collections::VecDeque;

const KEPT_LINES: usize = 2000;

#[derive(Default)]
pub struct Log {
    lines: RefCell<VecDeque<String>>,
    /// The newest line that names a failure's origin and code, until it is asked for.
    failure: RefCell<Option<String>>,
}

impl Log {
    pub fn last(&self, count: usize) -> Vec<String> {
        let lines = self.lines.borrow();
        lines
            .iter()
            .skip(lines.len().saturating_sub(count))
            .cloned()
            .collect()
    }

    /// Where a failure that was just reported came from, with its code. None if it came from within a blinded path of
    /// several hops: LDK does not even open such a failure.
    pub fn take_failure(&self) -> Option<String> {
        self.failure.take()
    }
}

impl Logger for Log {
    fn log(&self, record: Record) {
        if record.level == Level::Gossip {
            return;
        }
        let line = format!("{} {}", record.level, record.args);
        if line.contains("Onion Error[") {
            self.failure.replace(Some(line.clone()));
        }
        let mut lines = self.lines.borrow_mut();
        if lines.len() == KEPT_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}
