//! How one node is set up.

use crate::args::Args;
use bitcoin::hashes::{Hash, sha256};
use lightning::util::config::{HTLCInterceptionFlags, UserConfig};

/// Whether this program does what an event asks for, or leaves it to the one who tells it what to do.
#[derive(Clone, Copy, PartialEq)]
pub enum Duty {
    Off,
    Auto,
    Manual,
}

impl Duty {
    fn read(args: &Args, name: &str) -> Result<Self, String> {
        match args.maybe_text(name) {
            None | Some("off") => Ok(Duty::Off),
            Some("auto") => Ok(Duty::Auto),
            Some("manual") => Ok(Duty::Manual),
            Some(other) => Err(format!("`{name}` is off, auto or manual, not {other}")),
        }
    }

    pub fn is_off(self) -> bool {
        self == Duty::Off
    }

    pub fn is_auto(self) -> bool {
        self == Duty::Auto
    }
}

#[derive(Clone)]
pub struct Options {
    pub name: String,
    pub seed: [u8; 32],
    pub phantom_seed: Option<[u8; 32]>,
    pub mailbox: Duty,
    pub static_invoices: Duty,
    pub auto_claim: bool,
    pub stand_in: bool,
    htlc_hold: bool,
    hold_at_next_hop: bool,
    manual_invoices: bool,
    intercept: u8,
    fee_base_msat: u32,
    fee_ppm: u32,
    cltv_delta: u16,
}

impl Options {
    pub fn read(args: &Args) -> Result<Self, String> {
        let name = args.text("name")?.to_owned();
        let stand_in = args.flag("standIn", false);
        let usual = if stand_in {
            HTLCInterceptionFlags::ToUnknownSCIDs as u8
                | HTLCInterceptionFlags::ToInterceptSCIDs as u8
        } else {
            0
        };
        Ok(Options {
            seed: match args.optional("seed") {
                Some(_) => args.bytes32("seed")?,
                None => sha256::Hash::hash(format!("ldk-world/{name}").as_bytes()).to_byte_array(),
            },
            phantom_seed: match args.optional("phantomSeed") {
                Some(_) => Some(args.bytes32("phantomSeed")?),
                None => None,
            },
            mailbox: Duty::read(args, "mailbox")?,
            static_invoices: Duty::read(args, "staticInvoices")?,
            auto_claim: args.flag("autoClaim", true),
            stand_in,
            htlc_hold: args.flag("htlcHold", false),
            hold_at_next_hop: args.flag("holdAtNextHop", false),
            manual_invoices: args.flag("manualInvoices", false),
            intercept: args.maybe_number("intercept").unwrap_or(usual.into()) as u8,
            fee_base_msat: args.maybe_number("feeBaseMsat").unwrap_or(1000) as u32,
            fee_ppm: args.maybe_number("feePpm").unwrap_or(0) as u32,
            cltv_delta: args.maybe_number("cltvDelta").unwrap_or(72) as u16,
            name,
        })
    }

    /// Whether HTLCs on their way to it may wait for a verdict.
    pub fn intercepts(&self) -> bool {
        self.intercept != 0
    }

    pub fn cltv_delta(&self) -> u16 {
        self.cltv_delta
    }

    pub fn config(&self) -> UserConfig {
        let mut config = UserConfig::default();
        let handshake = &mut config.channel_handshake_config;
        handshake.minimum_depth = 1;
        handshake.announced_channel_max_inbound_htlc_value_in_flight_percentage = 100;
        handshake.unannounced_channel_max_inbound_htlc_value_in_flight_percentage = 100;
        config
            .channel_handshake_limits
            .force_announced_channel_preference = false;
        config.channel_config.forwarding_fee_base_msat = self.fee_base_msat;
        config.channel_config.forwarding_fee_proportional_millionths = self.fee_ppm;
        config.channel_config.cltv_expiry_delta = self.cltv_delta;
        config.accept_forwards_to_priv_channels = true;
        config.htlc_interception_flags = self.intercept;
        config.manually_handle_bolt12_invoices = self.manual_invoices;
        config.enable_htlc_hold = self.htlc_hold;
        config.hold_outbound_htlcs_at_next_hop = self.hold_at_next_hop;
        config
    }
}
