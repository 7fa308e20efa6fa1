//! One LDK node: its parts put together, its clock and chain, its restart.

use crate::args::{Args, said};
use crate::chain::{Chain, Mempool, OneFee};
use crate::keys::Keys;
use crate::log::Log;
use crate::options::Options;
use crate::store::Store;
use bitcoin::Network;
use bitcoin::secp256k1::PublicKey;
use lightning::chain::chainmonitor::ChainMonitor;
use lightning::chain::channelmonitor::ChannelMonitor;
use lightning::chain::{BlockLocator, Confirm, Filter};
use lightning::events::{Event, EventsProvider};
use lightning::ln::channelmanager::{ChainParameters, ChannelManager, ChannelManagerReadArgs};
use lightning::ln::msgs::BaseMessageHandler;
use lightning::ln::peer_handler::IgnoringMessageHandler;
use lightning::onion_message::messenger::{DefaultMessageRouter, OnionMessenger};
use lightning::routing::gossip::NetworkGraph;
use lightning::routing::router::DefaultRouter;
use lightning::routing::scoring::FixedPenaltyScorer;
use lightning::sign::{InMemorySigner, NodeSigner, Recipient};
use lightning::types::features::{InitFeatures, NodeFeatures};
use lightning::util::ser::{ReadableArgs, Writeable};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

pub type Graph = NetworkGraph<Rc<Log>>;
type Router = DefaultRouter<
    Rc<Graph>,
    Rc<Log>,
    Rc<Keys>,
    Rc<RefCell<FixedPenaltyScorer>>,
    (),
    FixedPenaltyScorer,
>;
type MessageRouter = DefaultMessageRouter<Rc<Graph>, Rc<Log>, Rc<Keys>>;
type Monitor = ChainMonitor<
    InMemorySigner,
    Rc<dyn Filter>,
    Rc<Mempool>,
    Rc<OneFee>,
    Rc<Log>,
    Rc<Store>,
    Rc<Keys>,
>;
pub type Manager = ChannelManager<
    Rc<Monitor>,
    Rc<Mempool>,
    Rc<Keys>,
    Rc<Keys>,
    Rc<Keys>,
    Rc<OneFee>,
    Rc<Router>,
    Rc<MessageRouter>,
    Rc<Log>,
>;
pub type Nobody = IgnoringMessageHandler;
type Messenger = OnionMessenger<
    Rc<Keys>,
    Rc<Keys>,
    Rc<Log>,
    Rc<Manager>,
    Rc<MessageRouter>,
    Rc<Manager>,
    Rc<Manager>,
    Nobody,
    Nobody,
>;

/// What all nodes of a world have in common.
pub struct Common {
    pub chain: Chain,
    pub mempool: Rc<Mempool>,
    pub graph: Rc<Graph>,
}

impl Common {
    pub fn new(time: u32) -> Self {
        Common {
            chain: Chain::new(time),
            mempool: Rc::new(Mempool::default()),
            graph: Rc::new(NetworkGraph::new(Network::Regtest, Rc::new(Log::default()))),
        }
    }
}

pub struct Node {
    pub options: Options,
    pub id: PublicKey,
    pub keys: Rc<Keys>,
    pub log: Rc<Log>,
    pub manager: Rc<Manager>,
    pub monitor: Rc<Monitor>,
    pub messenger: Messenger,
    /// Node ids it is connected with, foreign ones too.
    pub peers: BTreeSet<PublicKey>,
    store: Rc<Store>,
    height: u32,
    starts: u32,
}

struct Parts {
    keys: Rc<Keys>,
    log: Rc<Log>,
    fees: Rc<OneFee>,
    router: Rc<Router>,
    message_router: Rc<MessageRouter>,
    monitor: Rc<Monitor>,
}

impl Parts {
    fn new(
        options: &Options,
        common: &Common,
        log: Rc<Log>,
        store: &Rc<Store>,
        starts: u32,
    ) -> Self {
        let time = common.chain.time();
        let phantom = options.phantom_seed.as_ref();
        let keys = Rc::new(Keys::new(&options.seed, phantom, (time.into(), starts)));
        let scorer = Rc::new(RefCell::new(FixedPenaltyScorer::with_penalty(0)));
        let graph = &common.graph;
        let fees = Rc::new(OneFee);
        Parts {
            router: Rc::new(DefaultRouter::new(
                graph.clone(),
                log.clone(),
                keys.clone(),
                scorer,
                (),
            )),
            message_router: Rc::new(DefaultMessageRouter::new(graph.clone(), keys.clone())),
            monitor: Rc::new(ChainMonitor::new(
                None,
                common.mempool.clone(),
                log.clone(),
                fees.clone(),
                store.clone(),
                keys.clone(),
                keys.get_peer_storage_key(),
                false,
            )),
            keys,
            log,
            fees,
        }
    }

    fn messenger(&self, options: &Options, manager: &Rc<Manager>) -> Messenger {
        let make = |keys: Rc<Keys>, log, nodes, router, offers, held| {
            if options.mailbox.is_off() {
                OnionMessenger::new(
                    keys.clone(),
                    keys,
                    log,
                    nodes,
                    router,
                    offers,
                    held,
                    Nobody {},
                    Nobody {},
                )
            } else {
                OnionMessenger::new_with_offline_peer_interception(
                    keys.clone(),
                    keys,
                    log,
                    nodes,
                    router,
                    offers,
                    held,
                    Nobody {},
                    Nobody {},
                    true,
                )
            }
        };
        make(
            self.keys.clone(),
            self.log.clone(),
            manager.clone(),
            self.message_router.clone(),
            manager.clone(),
            manager.clone(),
        )
    }
}

impl Node {
    pub fn new(args: &Args, common: &Common) -> Result<Self, String> {
        let options = Options::read(args)?;
        let (log, store) = (Rc::new(Log::default()), Rc::new(Store::default()));
        let parts = Parts::new(&options, common, log, &store, 0);
        let params = ChainParameters {
            network: Network::Regtest,
            best_block: common.chain.start,
        };
        let manager = Rc::new(ChannelManager::new(
            parts.fees.clone(),
            parts.monitor.clone(),
            common.mempool.clone(),
            parts.router.clone(),
            parts.message_router.clone(),
            parts.log.clone(),
            parts.keys.clone(),
            parts.keys.clone(),
            parts.keys.clone(),
            options.config(),
            params,
            common.chain.time(),
        ));
        let height = common.chain.start.height;
        Ok(Node::of(options, parts, store, manager, height, 0))
    }

    fn of(
        options: Options,
        parts: Parts,
        store: Rc<Store>,
        manager: Rc<Manager>,
        height: u32,
        starts: u32,
    ) -> Self {
        Node {
            id: parts
                .keys
                .get_node_id(Recipient::Node)
                .expect("a node has an id"),
            messenger: parts.messenger(&options, &manager),
            options,
            keys: parts.keys,
            log: parts.log,
            manager,
            monitor: parts.monitor,
            peers: BTreeSet::new(),
            store,
            height,
            starts,
        }
    }

    /// Ends the node as a crash would, right after all was written, and starts it from what was written.
    pub fn restart(&mut self, common: &Common) -> Result<(), String> {
        let written = self.manager.encode();
        let starts = self.starts + 1;
        let parts = Parts::new(&self.options, common, self.log.clone(), &self.store, starts);
        let monitors = self
            .store
            .monitors()
            .iter()
            .map(|bytes| {
                <(BlockLocator, ChannelMonitor<InMemorySigner>)>::read(
                    &mut &bytes[..],
                    (&*parts.keys, &*parts.keys),
                )
                .map(|(_, monitor)| monitor)
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(said)?;
        let args = ChannelManagerReadArgs::new(
            parts.keys.clone(),
            parts.keys.clone(),
            parts.keys.clone(),
            parts.fees.clone(),
            parts.monitor.clone(),
            common.mempool.clone(),
            parts.router.clone(),
            parts.message_router.clone(),
            parts.log.clone(),
            self.options.config(),
            monitors.iter().collect(),
        );
        let (best, manager) =
            <(BlockLocator, Manager)>::read(&mut &written[..], args).map_err(said)?;
        for monitor in monitors {
            let id = monitor.channel_id();
            parts
                .monitor
                .load_existing_monitor(id, monitor)
                .map_err(said)?;
        }
        let (options, store) = (self.options.clone(), self.store.clone());
        *self = Node::of(options, parts, store, Rc::new(manager), best.height, starts);
        Ok(())
    }

    /// Shows the node the blocks up to a height.
    pub fn sync(&mut self, chain: &Chain, height: u32) {
        for block in chain.above(self.height).iter() {
            if block.height > height {
                break;
            }
            let transactions: Vec<_> = block.transactions.iter().enumerate().collect();
            let listeners: [&dyn Confirm; 2] = [&*self.monitor, &*self.manager];
            for listener in listeners {
                if !transactions.is_empty() {
                    listener.transactions_confirmed(&block.header, &transactions, block.height);
                }
                listener.best_block_updated(&block.header, block.height);
            }
            self.height = block.height;
        }
    }

    pub fn height(&self) -> u32 {
        self.height
    }

    pub fn init_features(&self, peer: PublicKey) -> InitFeatures {
        self.manager.provided_init_features(peer) | self.messenger.provided_init_features(peer)
    }

    pub fn node_features(&self) -> NodeFeatures {
        self.manager.provided_node_features() | self.messenger.provided_node_features()
    }

    /// Its new events. They are handled afterwards: a handler must not call into the node that calls it.
    pub fn take_events(&self) -> Vec<Event> {
        let events = RefCell::new(Vec::new());
        let keep = |event: Event| {
            events.borrow_mut().push(event);
            Ok(())
        };
        self.manager.process_pending_events(&keep);
        self.monitor.process_pending_events(&keep);
        self.messenger.process_pending_events(&keep);
        events.into_inner()
    }
}
