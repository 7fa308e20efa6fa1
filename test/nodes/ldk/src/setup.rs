//! Building a world: nodes, connections, channels; blocks and clocks.

use crate::args::{Answer, Args, hex, said};
use crate::node::Node;
use crate::stand_in::hidden;
use crate::world::World;
use bitcoin::secp256k1::PublicKey;
use lightning::ln::msgs::MessageSendEvent;
use lightning::ln::msgs::{OnionMessageHandler, SocketAddress, UnsignedNodeAnnouncement};
use lightning::routing::gossip::{NodeAlias, NodeId};
use lightning::types::features::{ChannelFeatures, NodeFeatures};
use serde_json::{Value, json};

/// Blocks after which a channel is announced.
const BLOCKS_TO_ANNOUNCE: u64 = 7;
const HIDDEN_CHANNEL_SAT: u64 = 1_000_000_000;
/// Where foreign nodes' made-up channels begin: no block here is that high.
const FOREIGN_SCID: u64 = 3_000_000 << 40;

impl World {
    /// `build`: nodes and channels; every node of a channel gets connected.
    pub fn build(args: &Args) -> Result<(Self, Value), String> {
        let mut world = World::new(args.number("time")? as u32);
        for node in args.list("nodes")? {
            world.add_node(&Args(node))?;
        }
        for channel in args.list("channels")? {
            world.open(&Args(channel))?;
        }
        world.confirm()?;
        let nodes: Vec<_> = world.nodes.iter().map(World::describe_node).collect();
        let answer = json!({ "nodes": nodes, "height": world.common.chain.height() });
        Ok((world, answer))
    }

    fn describe_node(node: &Node) -> Value {
        json!({
            "name": node.options.name, "nodeId": node.id.to_string(),
            "nodeSecret": hex(&node.keys.node_secret().secret_bytes()),
        })
    }

    fn add_node(&mut self, args: &Args) -> Result<(), String> {
        let node = Node::new(args, &self.common)?;
        let (name, stand_in) = (node.options.name.clone(), node.options.stand_in);
        self.nodes.push(node);
        if stand_in {
            let behind = json!({ "name": hidden(&name), "autoClaim": false });
            self.nodes.push(Node::new(&Args(&behind), &self.common)?);
            let channel = json!({ "from": name, "to": hidden(&name), "sat": HIDDEN_CHANNEL_SAT });
            self.open(&Args(&channel))?;
        }
        Ok(())
    }

    /// `open`: a channel whose funding waits for a block.
    pub fn open(&mut self, args: &Args) -> Answer {
        let (from, to) = (
            self.index(args.text("from")?)?,
            self.index(args.text("to")?)?,
        );
        self.connect(from, to);
        let mut config = self.nodes[from].options.config();
        config.channel_handshake_config.announce_for_forwarding = args.flag("announced", false);
        let push = args.maybe_number("pushMsat").unwrap_or(0);
        self.nodes[from]
            .manager
            .create_channel(
                self.nodes[to].id,
                args.number("sat")?,
                push,
                0,
                None,
                Some(config),
            )
            .map_err(said)?;
        self.pump()?;
        Ok(json!({}))
    }

    /// Mines until all channels can be used and are announced.
    pub fn confirm(&mut self) -> Answer {
        self.mine(BLOCKS_TO_ANNOUNCE, 1)?;
        self.announce_nodes();
        self.pump()?;
        Ok(json!({}))
    }

    /// Mines blocks, the first with all that was broadcast. Nodes that are asleep and hidden ones do not see them.
    pub fn mine(&mut self, count: u64, seconds: u32) -> Answer {
        for _ in 0..count {
            let transactions = self.common.mempool.drain();
            self.common.chain.mine(seconds, transactions);
            let height = self.common.chain.height();
            for index in 0..self.nodes.len() {
                let is_hidden = self.name(index).ends_with('!') && self.is_settled(index);
                if !self.is_asleep(index) && !is_hidden {
                    self.nodes[index].sync(&self.common.chain, height);
                }
            }
            self.pump()?;
        }
        let chain = &self.common.chain;
        Ok(json!({ "height": chain.height(), "time": chain.time() }))
    }

    fn is_settled(&self, index: usize) -> bool {
        !self.nodes[index].manager.list_usable_channels().is_empty()
    }

    /// `tick`: what a node's minute timer does.
    pub fn tick(&mut self, args: &Args) -> Answer {
        let only = args
            .maybe_text("node")
            .map(|name| self.index(name))
            .transpose()?;
        for index in 0..self.nodes.len() {
            if only.is_none_or(|wanted| wanted == index) {
                self.nodes[index].manager.timer_tick_occurred();
                self.nodes[index].messenger.timer_tick_occurred();
            }
        }
        Ok(json!({}))
    }

    pub fn gossip(&mut self, event: MessageSendEvent) {
        let graph = &self.common.graph;
        // What the graph does not want is not needed: it is one graph, so everything comes at least twice.
        match event {
            MessageSendEvent::BroadcastChannelAnnouncement { msg, update_msg } => {
                let _ = graph.update_channel_from_announcement_no_lookup(&msg);
                if let Some(update) = update_msg {
                    let _ = graph.update_channel(&update);
                }
            }
            MessageSendEvent::BroadcastChannelUpdate { msg, .. } => {
                let _ = graph.update_channel(&msg);
            }
            _ => (),
        }
    }

    fn announce_nodes(&mut self) {
        for (index, node) in self.nodes.iter().enumerate() {
            if node
                .manager
                .list_channels()
                .iter()
                .any(|channel| channel.is_announced)
            {
                self.announce(node.id, node.node_features(), index as u16 + 1);
            }
        }
    }

    fn announce(&self, id: PublicKey, features: NodeFeatures, port: u16) {
        let address = SocketAddress::TcpIpV4 {
            addr: [127, 0, 0, 1],
            port,
        };
        let announcement = UnsignedNodeAnnouncement {
            features,
            timestamp: self.common.chain.time(),
            node_id: NodeId::from_pubkey(&id),
            rgb: [0; 3],
            alias: NodeAlias([0; 32]),
            addresses: vec![address],
            excess_address_data: Vec::new(),
            excess_data: Vec::new(),
        };
        let _ = self
            .common
            .graph
            .update_node_from_unsigned_announcement(&announcement);
    }

    /// `announceForeign`: makes the graph know a foreign node, by a channel with a node here that nobody can use.
    pub fn announce_foreign(&mut self, args: &Args) -> Answer {
        let (id, beside) = (args.point("peer")?, self.index(args.text("node")?)?);
        let mut ends = [
            NodeId::from_pubkey(&id),
            NodeId::from_pubkey(&self.nodes[beside].id),
        ];
        ends.sort();
        let scid = FOREIGN_SCID + self.common.graph.read_only().channels().len() as u64;
        let time = self.common.chain.time().into();
        self.common
            .graph
            .add_channel_from_partial_announcement(
                scid,
                None,
                time,
                ChannelFeatures::empty(),
                ends[0],
                ends[1],
            )
            .map_err(said)?;
        let mut features = NodeFeatures::empty();
        features.set_onion_messages_optional();
        self.announce(id, features, 9735);
        Ok(json!({ "scid": scid.to_string() }))
    }

    /// `channels`: a node's channels, height and peers.
    pub fn list_channels(&self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let channels: Vec<_> = node
            .manager
            .list_channels()
            .into_iter()
            .map(|channel| {
                json!({
                    "channelId": hex(&channel.channel_id.0), "peer": self.name_of(channel.counterparty.node_id),
                    "scid": channel.short_channel_id.map(|scid| scid.to_string()),
                    "outboundAlias": channel.outbound_scid_alias.map(|scid| scid.to_string()),
                    "inboundAlias": channel.inbound_scid_alias.map(|scid| scid.to_string()),
                    "isUsable": channel.is_usable, "isAnnounced": channel.is_announced,
                    "outboundMsat": channel.outbound_capacity_msat, "inboundMsat": channel.inbound_capacity_msat,
                    "inHtlcs": channel.pending_inbound_htlcs.len(), "outHtlcs": channel.pending_outbound_htlcs.len(),
                })
            })
            .collect();
        let peers: Vec<_> = node.peers.iter().map(|id| id.to_string()).collect();
        Ok(json!({ "channels": channels, "height": node.height(), "peers": peers }))
    }
}
