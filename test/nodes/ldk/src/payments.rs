//! Commands for paying and for being paid.

use crate::args::{Answer, Args, hex, said};
use crate::pending::Kept;
use crate::world::World;
use lightning::blinded_path::message::BlindedMessagePath;
use lightning::bolt11_invoice::{Bolt11Invoice, Bolt11InvoiceDescription, Description};
use lightning::ln::channelmanager::{
    Bolt11InvoiceParameters, OptionalBolt11PaymentParams, OptionalOfferPaymentParams, PaymentId,
    RecentPaymentDetails,
};
use lightning::ln::outbound_payment::Retry;
use lightning::offers::offer::Offer;
use lightning::offers::refund::Refund;
use lightning::routing::router::RouteParametersConfig;
use lightning::types::payment::{PaymentHash, PaymentPreimage};
use lightning::util::ser::{Readable, Writeable};
use serde_json::json;
use std::num::NonZeroU64;
use std::time::Duration;

const USUAL_RETRIES: u64 = 3;

fn retry(args: &Args) -> Retry {
    Retry::Attempts(args.maybe_number("retries").unwrap_or(USUAL_RETRIES) as u32)
}

fn route_limits(args: &Args) -> RouteParametersConfig {
    let mut limits = RouteParametersConfig::default();
    if let Some(fee) = args.maybe_number("maxFeeMsat") {
        limits.max_total_routing_fee_msat = Some(fee);
    }
    if let Some(parts) = args.maybe_number("maxParts") {
        limits.max_path_count = parts as u8;
    }
    limits
}

impl World {
    /// `createOffer`: an ordinary offer of a node.
    pub fn create_offer(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let mut builder = node.manager.create_offer_builder().map_err(said)?;
        if let Some(amount) = args.maybe_number("amountMsat") {
            builder = builder.amount_msats(amount);
        }
        if let Some(text) = args.maybe_text("description") {
            builder = builder.description(text.to_owned());
        }
        if let Some(text) = args.maybe_text("issuer") {
            builder = builder.issuer(text.to_owned());
        }
        if let Some(second) = args.maybe_number("absoluteExpiry") {
            builder = builder.absolute_expiry(Duration::from_secs(second));
        }
        if let Some(most) = args.maybe_number("quantityMax") {
            let most = NonZeroU64::new(most).ok_or("`quantityMax` is at least 1")?;
            builder = builder.supported_quantity(lightning::offers::offer::Quantity::Bounded(most));
        }
        let offer = builder.build().map_err(said)?;
        Ok(json!({ "offer": offer.to_string() }))
    }

    /// `createPhantomOffer`: an offer that all the named members of a phantom cluster answer.
    pub fn create_phantom_offer(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let mut others = Vec::new();
        for name in args.list("members")? {
            let member = &self.nodes[self.index(name.as_str().unwrap_or_default())?];
            others.push((member.id, member.manager.list_channels()));
        }
        let limit = args.maybe_number("paths").unwrap_or(3) as usize;
        let builder = node
            .manager
            .create_phantom_offer_builder(others, limit)
            .map_err(said)?;
        let offer = match args.maybe_number("amountMsat") {
            Some(amount) => builder.amount_msats(amount).build(),
            None => builder.build(),
        };
        Ok(json!({ "offer": offer.map_err(said)?.to_string() }))
    }

    /// `asyncOffer`: the offer of a node that a static invoice server answers for.
    pub fn async_offer(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let offer = node.manager.get_async_receive_offer().map_err(|()| {
            "no offer is ready: the server has to have stored its invoice".to_owned()
        })?;
        Ok(json!({ "offer": offer.to_string() }))
    }

    /// `serverPaths`: paths to a static invoice server, for one recipient.
    pub fn server_paths(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let expiry = args.maybe_number("expirySeconds").map(Duration::from_secs);
        let paths = node
            .manager
            .blinded_paths_for_async_recipient(args.bytes("recipientId")?, expiry)
            .map_err(|()| "the server can make no path to itself".to_owned())?;
        let paths: Vec<_> = paths.iter().map(|path| hex(&path.encode())).collect();
        Ok(json!({ "paths": paths }))
    }

    /// `useServer`: gives a recipient the paths to its static invoice server.
    pub fn use_server(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let mut paths = Vec::new();
        for path in args.list("paths")? {
            let bytes = crate::args::from_hex(path.as_str().unwrap_or_default())?;
            paths.push(BlindedMessagePath::read(&mut &bytes[..]).map_err(said)?);
        }
        node.manager
            .set_paths_to_static_invoice_server(paths)
            .map_err(|()| "LDK does not take these paths".to_owned())?;
        Ok(json!({}))
    }

    /// `payOffer`: asks for an invoice and pays it.
    pub fn pay_offer(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let offer: Offer = args.text("offer")?.parse().map_err(said)?;
        let id = PaymentId(args.bytes32("paymentId")?);
        let amount = args.maybe_number("amountMsat");
        let optional = OptionalOfferPaymentParams {
            payer_note: args.maybe_text("payerNote").map(str::to_owned),
            route_params_config: route_limits(args),
            retry_strategy: retry(args),
        };
        let manager = &node.manager;
        match args.maybe_number("quantity") {
            None => manager.pay_for_offer(&offer, amount, id, optional),
            Some(count) => manager.pay_for_offer_with_quantity(&offer, amount, id, optional, count),
        }
        .map_err(said)?;
        Ok(json!({}))
    }

    /// `payInvoice`: pays a BOLT 12 invoice that a node with `manualInvoices` got.
    pub fn pay_invoice(&mut self, args: &Args) -> Answer {
        match self.pending.take(args)? {
            (index, Kept::Invoice(invoice, context)) => {
                let manager = &self.nodes[index].manager;
                manager
                    .send_payment_for_bolt12_invoice(&invoice, context.as_ref())
                    .map_err(said)?;
                Ok(json!({}))
            }
            _ => Err("that token is not one of `invoiceReceived`".to_owned()),
        }
    }

    /// `createRefund`: an offer to pay, which anybody may answer with an invoice.
    pub fn create_refund(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let refund = node
            .manager
            .create_refund_builder(
                args.number("amountMsat")?,
                Duration::from_secs(args.number("absoluteExpiry")?),
                PaymentId(args.bytes32("paymentId")?),
                retry(args),
                route_limits(args),
            )
            .and_then(|builder| builder.build())
            .map_err(said)?;
        Ok(json!({ "refund": refund.to_string() }))
    }

    /// `takeRefund`: answers a refund with an invoice.
    pub fn take_refund(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let refund: Refund = args.text("refund")?.parse().map_err(said)?;
        let invoice = node.manager.request_refund_payment(&refund).map_err(said)?;
        Ok(json!({ "invoice": hex(&invoice.encode()) }))
    }

    /// `createInvoice`: a BOLT 11 invoice, for a hash of the caller's if one is given.
    pub fn create_invoice(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let text = args
            .maybe_text("description")
            .unwrap_or_default()
            .to_owned();
        let hash = match args.optional("paymentHash") {
            Some(_) => Some(PaymentHash(args.bytes32("paymentHash")?)),
            None => None,
        };
        let params = Bolt11InvoiceParameters {
            amount_msats: args.maybe_number("amountMsat"),
            description: Bolt11InvoiceDescription::Direct(Description::new(text).map_err(said)?),
            payment_hash: hash,
            ..Default::default()
        };
        let invoice = node.manager.create_bolt11_invoice(params).map_err(said)?;
        Ok(json!({ "invoice": invoice.to_string(), "paymentHash": hex(&invoice.payment_hash().0) }))
    }

    /// `payBolt11`: pays an invoice.
    pub fn pay_bolt11(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let invoice: Bolt11Invoice = args.text("invoice")?.parse().map_err(said)?;
        let optional = OptionalBolt11PaymentParams {
            route_params_config: route_limits(args),
            retry_strategy: retry(args),
            ..Default::default()
        };
        let id = PaymentId(args.bytes32("paymentId")?);
        node.manager
            .pay_for_bolt11_invoice(&invoice, id, args.maybe_number("amountMsat"), optional)
            .map_err(said)?;
        Ok(json!({}))
    }

    /// `claim`, for nodes without `autoClaim`.
    pub fn claim(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        node.manager
            .claim_funds(PaymentPreimage(args.bytes32("preimage")?));
        Ok(json!({}))
    }

    /// `refuse`: fails what is claimable.
    pub fn refuse(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let hash = PaymentHash(args.bytes32("paymentHash")?);
        node.manager.fail_htlc_backwards(&hash);
        Ok(json!({}))
    }

    /// `abandon`: no further attempts for a payment.
    pub fn abandon(&mut self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        node.manager
            .abandon_payment(PaymentId(args.bytes32("paymentId")?));
        Ok(json!({}))
    }

    /// `payments`: what a payer still knows about its payments.
    pub fn list_payments(&self, args: &Args) -> Answer {
        let node = &self.nodes[self.index(args.text("node")?)?];
        let payments: Vec<_> = node
            .manager
            .list_recent_payments()
            .into_iter()
            .map(|payment| {
                let (id, state, hash) = match payment {
                    RecentPaymentDetails::AwaitingInvoice { payment_id } => (payment_id, "awaitingInvoice", None),
                    RecentPaymentDetails::Pending { payment_id, payment_hash, .. } => {
                        (payment_id, "pending", Some(payment_hash))
                    }
                    RecentPaymentDetails::Fulfilled { payment_id, payment_hash, .. } => {
                        (payment_id, "fulfilled", payment_hash)
                    }
                    RecentPaymentDetails::Abandoned { payment_id, payment_hash, .. } => {
                        (payment_id, "abandoned", Some(payment_hash))
                    }
                };
                json!({ "paymentId": hex(&id.0), "state": state, "paymentHash": hash.map(|hash| hex(&hash.0)) })
            })
            .collect();
        Ok(json!({ "payments": payments }))
    }
}
