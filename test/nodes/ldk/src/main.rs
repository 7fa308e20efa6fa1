//! LDK nodes of the tests. Reads requests, one JSON object per line, and answers each with one line; what happened
//! because of a request is written before its answer. What there is to ask for: see `../ldk-program.ts`.

mod args;
mod chain;
mod codec;
mod events;
mod keys;
mod log;
mod mailbox;
mod messages;
mod node;
mod options;
mod own_onion;
mod payments;
mod pending;
mod setup;
mod stand_in;
mod static_invoices;
mod store;
mod wire;
mod world;

use args::{Answer, Args};
use serde_json::{Value, json};
use std::io::{BufRead, Write, stdin, stdout};
use world::World;

fn main() {
    let mut world = None;
    let mut out = stdout().lock();
    for line in stdin().lock().lines() {
        let Ok(line) = line else { return };
        let request: Value = serde_json::from_str(&line).unwrap_or(Value::Null);
        let answer = answer(&mut world, &Args(&request));
        let events = world.as_mut().map(World::take_events).unwrap_or_default();
        let id = &request["id"];
        let reply = match answer {
            Ok(result) => json!({ "id": id, "ok": true, "result": result }),
            Err(error) => json!({ "id": id, "ok": false, "error": error }),
        };
        for line in events.iter().chain([&reply]) {
            if writeln!(out, "{line}").is_err() {
                return;
            }
        }
        if out.flush().is_err() {
            return;
        }
    }
}

fn answer(world: &mut Option<World>, args: &Args) -> Answer {
    match args.text("cmd")? {
        "build" => {
            let (built, answer) = World::build(args)?;
            *world = Some(built);
            Ok(answer)
        }
        "decode" => codec::decode(args),
        command => {
            let world = world
                .as_mut()
                .ok_or("there are no nodes yet: use `build`")?;
            let answer = run(world, command, args)?;
            world.pump()?;
            Ok(answer)
        }
    }
}

fn run(world: &mut World, command: &str, args: &Args) -> Answer {
    let index = |world: &World, name| world.index(args.text(name)?);
    match command {
        "open" => world.open(args).and_then(|_| world.confirm()),
        "mine" => {
            let seconds = args.maybe_number("seconds").unwrap_or(1) as u32;
            world.mine(args.number("blocks")?, seconds)
        }
        "tick" => world.tick(args),
        "channels" => world.list_channels(args),
        "sleep" => {
            let node = index(world, "node")?;
            world.sleep(node);
            Ok(json!({}))
        }
        "wake" => {
            let node = index(world, "node")?;
            world.wake(node);
            Ok(json!({}))
        }
        "restart" => {
            let node = index(world, "node")?;
            world.restart(node)?;
            Ok(json!({}))
        }
        "connect" => world.connect_peer(args),
        "disconnect" => world.disconnect_peer(args),
        "announceForeign" => world.announce_foreign(args),
        "deliver" => world.deliver_message(args),
        "forwardMessage" => world.forward_message(args),
        "peel" => world.peel(args),
        "benchPeel" => world.bench_peel(args),
        "watch" => {
            let types = args.list("types")?.iter();
            world.links.watched = types
                .filter_map(|kind| kind.as_u64())
                .map(|kind| kind as u16)
                .collect();
            Ok(json!({}))
        }
        "withhold" => {
            let (from, to) = (index(world, "from")?, index(world, "to")?);
            world.withhold(from, to);
            Ok(json!({}))
        }
        "release" => {
            let (from, to) = (index(world, "from")?, index(world, "to")?);
            Ok(json!({ "messages": world.release(from, to, args.flag("lose", false)) }))
        }
        "settleHtlc" => world.give_verdict(args, true),
        "failHtlc" => world.give_verdict(args, false),
        "resumeHtlc" => world.resume(args),
        "sendOnion" => world.send_onion(args),
        "createOffer" => world.create_offer(args),
        "createPhantomOffer" => world.create_phantom_offer(args),
        "asyncOffer" => world.async_offer(args),
        "serverPaths" => world.server_paths(args),
        "useServer" => world.use_server(args),
        "acknowledgeStaticInvoice" => world.acknowledge_static_invoice(args),
        "answerStaticInvoiceRequest" => world.answer_static_invoice_request(args),
        "payOffer" => world.pay_offer(args),
        "payInvoice" => world.pay_invoice(args),
        "createRefund" => world.create_refund(args),
        "takeRefund" => world.take_refund(args),
        "createInvoice" => world.create_invoice(args),
        "payBolt11" => world.pay_bolt11(args),
        "claim" => world.claim(args),
        "refuse" => world.refuse(args),
        "abandon" => world.abandon(args),
        "payments" => world.list_payments(args),
        "log" => {
            let node = index(world, "node")?;
            let count = args.maybe_number("lines").unwrap_or(100) as usize;
            Ok(json!({ "lines": world.nodes[node].log.last(count) }))
        }
        other => Err(format!("there is no command {other}")),
    }
}
