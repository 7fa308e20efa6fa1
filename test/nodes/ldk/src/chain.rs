//! A chain that exists only here: headers without work, and blocks that hold what the nodes broadcast.

use bitcoin::block::{Header, Version};
use bitcoin::constants::genesis_block;
use bitcoin::hashes::Hash;
use bitcoin::{BlockHash, CompactTarget, Network, Transaction, TxMerkleNode};
use lightning::chain::BlockLocator;
use lightning::chain::chaininterface::{
    BroadcasterInterface, ConfirmationTarget, FeeEstimator, TransactionType,
};
use std::cell::RefCell;

/// Blocks before the first that can hold a transaction, so that no height looks like a small number by accident.
const FIRST_HEIGHT: u32 = 200;
/// The least that LDK allows: every node estimates the same, so no fee is ever renegotiated.
const FEERATE: u32 = 253;

pub struct Block {
    pub header: Header,
    pub height: u32,
    pub transactions: Vec<Transaction>,
}

pub struct Chain {
    blocks: Vec<Block>,
    pub start: BlockLocator,
    start_time: u32,
}

impl Chain {
    pub fn new(time: u32) -> Self {
        let start = BlockLocator::new(genesis_block(Network::Regtest).block_hash(), FIRST_HEIGHT);
        Chain {
            blocks: Vec::new(),
            start,
            start_time: time,
        }
    }

    pub fn height(&self) -> u32 {
        self.blocks.last().map_or(FIRST_HEIGHT, |b| b.height)
    }

    pub fn time(&self) -> u32 {
        self.blocks
            .last()
            .map_or(self.start_time, |b| b.header.time)
    }

    fn tip(&self) -> BlockHash {
        self.blocks
            .last()
            .map_or(self.start.block_hash, |b| b.header.block_hash())
    }

    /// Adds one block, `seconds` after the last one.
    pub fn mine(&mut self, seconds: u32, transactions: Vec<Transaction>) {
        let height = self.height() + 1;
        let header = Header {
            version: Version::TWO,
            prev_blockhash: self.tip(),
            merkle_root: TxMerkleNode::all_zeros(),
            time: self.time() + seconds,
            bits: CompactTarget::from_consensus(0x207f_ffff),
            nonce: height,
        };
        self.blocks.push(Block {
            header,
            height,
            transactions,
        });
    }

    /// The blocks above a height, lowest first.
    pub fn above(&self, height: u32) -> &[Block] {
        let first = (height - FIRST_HEIGHT) as usize;
        &self.blocks[first.min(self.blocks.len())..]
    }
}

/// What the nodes want to have mined.
#[derive(Default)]
pub struct Mempool(RefCell<Vec<Transaction>>);

impl Mempool {
    /// All transactions, each once, in the order they came.
    pub fn drain(&self) -> Vec<Transaction> {
        self.0.take()
    }
}

impl BroadcasterInterface for Mempool {
    fn broadcast_transactions(&self, transactions: &[(&Transaction, TransactionType)]) {
        let mut pool = self.0.borrow_mut();
        for (transaction, _) in transactions {
            if !pool.contains(transaction) {
                pool.push((*transaction).clone());
            }
        }
    }
}

pub struct OneFee;

impl FeeEstimator for OneFee {
    fn get_est_sat_per_1000_weight(&self, _: ConfirmationTarget) -> u32 {
        FEERATE
    }
}
