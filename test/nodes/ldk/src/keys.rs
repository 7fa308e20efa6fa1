//! A node's keys: LDK's own, of a phantom cluster's member only if the node was given the cluster's seed.

use bitcoin::ScriptBuf;
use bitcoin::secp256k1::ecdh::SharedSecret;
use bitcoin::secp256k1::ecdsa::{RecoverableSignature, Signature};
use bitcoin::secp256k1::{PublicKey, Scalar, SecretKey, schnorr};
use lightning::bolt11_invoice::RawBolt11Invoice;
use lightning::ln::inbound_payment::ExpandedKey;
use lightning::ln::msgs::UnsignedGossipMessage;
use lightning::ln::script::ShutdownScript;
use lightning::offers::invoice::UnsignedBolt12Invoice;
use lightning::sign::{
    EntropySource, InMemorySigner, KeysManager, NodeSigner, PeerStorageKey, PhantomKeysManager,
    ReceiveAuthKey, Recipient, SignerProvider,
};

pub enum Keys {
    Plain(Box<KeysManager>),
    Phantom(Box<PhantomKeysManager>),
}

impl Keys {
    /// `start` differs between two starts of one node: what is drawn at random depends on it and the seed alone.
    pub fn new(seed: &[u8; 32], phantom_seed: Option<&[u8; 32]>, start: (u64, u32)) -> Self {
        let (time, starts) = start;
        match phantom_seed {
            None => Keys::Plain(Box::new(KeysManager::new(seed, time, starts, true))),
            Some(shared) => {
                let keys = PhantomKeysManager::new(seed, time, starts, shared, true);
                Keys::Phantom(Box::new(keys))
            }
        }
    }

    pub fn node_secret(&self) -> SecretKey {
        match self {
            Keys::Plain(keys) => keys.get_node_secret_key(),
            Keys::Phantom(keys) => keys.get_node_secret_key(),
        }
    }
}

macro_rules! pass {
    ($self: ident . $method: ident ( $($argument: expr),* )) => {
        match $self {
            Keys::Plain(keys) => keys.$method($($argument),*),
            Keys::Phantom(keys) => keys.$method($($argument),*),
        }
    };
}

impl EntropySource for Keys {
    fn get_secure_random_bytes(&self) -> [u8; 32] {
        pass!(self.get_secure_random_bytes())
    }
}

impl NodeSigner for Keys {
    fn get_expanded_key(&self) -> ExpandedKey {
        pass!(self.get_expanded_key())
    }
    fn get_peer_storage_key(&self) -> PeerStorageKey {
        pass!(self.get_peer_storage_key())
    }
    fn get_receive_auth_key(&self) -> ReceiveAuthKey {
        pass!(self.get_receive_auth_key())
    }
    fn get_node_id(&self, recipient: Recipient) -> Result<PublicKey, ()> {
        pass!(self.get_node_id(recipient))
    }
    fn ecdh(
        &self,
        recipient: Recipient,
        other: &PublicKey,
        tweak: Option<&Scalar>,
    ) -> Result<SharedSecret, ()> {
        pass!(self.ecdh(recipient, other, tweak))
    }
    fn sign_invoice(
        &self,
        invoice: &RawBolt11Invoice,
        recipient: Recipient,
    ) -> Result<RecoverableSignature, ()> {
        pass!(self.sign_invoice(invoice, recipient))
    }
    fn sign_bolt12_invoice(
        &self,
        invoice: &UnsignedBolt12Invoice,
    ) -> Result<schnorr::Signature, ()> {
        pass!(self.sign_bolt12_invoice(invoice))
    }
    fn sign_gossip_message(&self, message: UnsignedGossipMessage) -> Result<Signature, ()> {
        pass!(self.sign_gossip_message(message))
    }
    fn sign_message(&self, message: &[u8]) -> Result<String, ()> {
        pass!(self.sign_message(message))
    }
}

impl SignerProvider for Keys {
    type EcdsaSigner = InMemorySigner;

    fn generate_channel_keys_id(&self, inbound: bool, user_channel_id: u128) -> [u8; 32] {
        pass!(self.generate_channel_keys_id(inbound, user_channel_id))
    }
    fn derive_channel_signer(&self, channel_keys_id: [u8; 32]) -> InMemorySigner {
        pass!(self.derive_channel_signer(channel_keys_id))
    }
    fn get_destination_script(&self, channel_keys_id: [u8; 32]) -> Result<ScriptBuf, ()> {
        pass!(self.get_destination_script(channel_keys_id))
    }
    fn get_shutdown_scriptpubkey(&self) -> Result<ShutdownScript, ()> {
        pass!(self.get_shutdown_scriptpubkey())
    }
}
