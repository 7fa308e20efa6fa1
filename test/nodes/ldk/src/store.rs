//! What a node would have on its disk: its channel monitors, as they were last written.

use lightning::chain::ChannelMonitorUpdateStatus;
use lightning::chain::chainmonitor::Persist;
use lightning::chain::channelmonitor::{ChannelMonitor, ChannelMonitorUpdate};
use lightning::sign::InMemorySigner;
use lightning::util::persist::MonitorName;
use lightning::util::ser::Writeable;
use std::cell::RefCell;
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Store(RefCell<BTreeMap<String, Vec<u8>>>);

impl Store {
    pub fn monitors(&self) -> Vec<Vec<u8>> {
        self.0.borrow().values().cloned().collect()
    }

    fn write(
        &self,
        name: MonitorName,
        monitor: &ChannelMonitor<InMemorySigner>,
    ) -> ChannelMonitorUpdateStatus {
        self.0
            .borrow_mut()
            .insert(name.to_string(), monitor.encode());
        ChannelMonitorUpdateStatus::Completed
    }
}

impl Persist<InMemorySigner> for Store {
    fn persist_new_channel(
        &self,
        name: MonitorName,
        monitor: &ChannelMonitor<InMemorySigner>,
    ) -> ChannelMonitorUpdateStatus {
        self.write(name, monitor)
    }

    fn update_persisted_channel(
        &self,
        name: MonitorName,
        _: Option<&ChannelMonitorUpdate>,
        monitor: &ChannelMonitor<InMemorySigner>,
    ) -> ChannelMonitorUpdateStatus {
        self.write(name, monitor)
    }

    fn archive_persisted_channel(&self, name: MonitorName) {
        self.0.borrow_mut().remove(&name.to_string());
    }
}
