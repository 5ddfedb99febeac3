"""Trains osprey-mini from scratch with CLIP's contrastive loss; stops at a deadline; can go on from its checkpoint.

    python training/train.py --cache CACHE --run RUN --minutes 110
    python training/train.py --cache CACHE --run RUN --deadline 2026-11-21T21:50:00+00:00

Everything that changes during the run depends on the share of the wall-clock time that is gone, so a slow or a
stopped machine shortens the run but not its schedule.
"""
import argparse
import copy
import datetime
import math
import os
import random
import signal
import time
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F

from captions import DATA, HERE, Captions
from loss import loss_of
from network import CONFIG, Texts, build, encode_image, encode_text
from pictures import Images, held_out

FULL = CONFIG["model_cfg"]["vision_cfg"]["image_size"]


def phase(done, sizes):
    """Picture size, smallest crop, share of erased pictures and batch at this share of the time."""
    size = next(size for until, size in sizes if done < until or until == sizes[-1][0])
    return size, (0.35 if done < 0.9 else 0.6), (0.2 if done < 0.9 else 0.0), (192 if size < 48 else 96)


def rate(done, warm=0.025):
    return done / warm if done < warm else 0.002 + 0.998 * (1 + math.cos(math.pi * (done - warm) / (1 - warm))) / 2


def spread_texts(model, bank, texts, steps=80):
    """Before the first picture the text tower learns to tell its captions apart, on directions drawn at random (a
    class leans towards its everyday words). Without it both towers start at a point where all texts look alike and
    neither tells the other anything."""
    words = F.normalize(torch.randn(len(bank.words), model.text_projection.shape[1]), dim=-1)
    classes = F.normalize(torch.randn(len(bank.names), words.shape[1]), dim=-1)
    lean = F.normalize(bank.word_right.float() @ words, dim=-1)
    target = torch.cat([F.normalize(classes + 0.7 * lean, dim=-1), words])
    own = [p for n, p in model.named_parameters() if not n.startswith("visual.") and n != "logit_scale"]
    optimizer = torch.optim.AdamW(own, lr=1e-3, betas=(0.9, 0.98), fused=True)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-3 * min((step + 1) / 30, (steps - step) / 30, 1)
        pick = random.Random(-1 - step)
        ids = texts(bank.class_captions(pick) + bank.word_captions(pick, range(len(bank.words))))
        with torch.autocast("cpu", torch.bfloat16):
            loss = (encode_text(model, ids) - target).pow(2).sum(1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    print(f"text tower spread, squared distance to its directions {loss.item():.3f}", flush=True)


@torch.no_grad()
def accuracy(model, held, texts, size):
    tensor, labels, names = held
    with torch.autocast("cpu", torch.bfloat16):
        t = encode_text(model, texts(names))
        right = [(encode_image(model, x) @ t.T).argmax(1) for x in tensor(size).split(250)]
    return (torch.cat(right) == labels).float().mean().item() * 100


def average_gradients(model, workers):
    """The mean of the workers' gradients, in one message."""
    if workers > 1:
        grads = [p.grad for p in model.parameters()]
        flat = torch.cat([g.flatten() for g in grads])
        dist.all_reduce(flat)
        for g, part in zip(grads, flat.div_(workers).split([g.numel() for g in grads])):
            g.copy_(part.view_as(g))


def agree(values, workers):
    """The first worker decides for all."""
    values = torch.tensor(values, dtype=torch.float64)
    if workers > 1:
        dist.broadcast(values, 0)
    return values.tolist()


def work(rank, args):
    torch.set_num_threads(1)  # a second thread would wait for the first at every operation; a second worker does not
    torch.manual_seed(0)
    if args.workers > 1:
        dist.init_process_group("gloo", init_method=f"file://{args.run.resolve()}/meeting", rank=rank,
                                world_size=args.workers)
    bank, texts, data = Captions(args.data), Texts(args.tokenizer), Images(args.cache)
    held = held_out(args.data) if rank == 0 else None
    model = build().to(memory_format=torch.channels_last)
    average = copy.deepcopy(model).eval()
    # Convolutions with batch norm stand a high rate; the wide attention pool and the transformer do not.
    groups = {}
    for name, p in model.named_parameters():
        pool, text = name.startswith("visual.attnpool"), not name.startswith("visual.")
        groups.setdefault((args.lr * (0.2 if pool else 0.3 if text else 1),
                           0.0 if p.ndim < 2 or "embedding" in name else args.decay), []).append(p)
    optimizer = torch.optim.AdamW([{"params": ps, "base": lr, "weight_decay": decay}
                                   for (lr, decay), ps in groups.items()], betas=(0.9, 0.98), fused=True)
    step, epoch, at, elapsed = 0, 0, 0, 0.0
    path = args.run / "checkpoint.pt"
    if path.exists():
        saved = torch.load(path, weights_only=True)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        step, epoch, at, elapsed = (saved[k] for k in ("step", "epoch", "at", "elapsed"))
    else:
        spread_texts(model, bank, texts)
        average.load_state_dict(model.state_dict())
    if args.workers > 1:
        for tensor in model.state_dict().values():
            dist.broadcast(tensor, 0)
    order = data.order(epoch)
    end = args.deadline.timestamp() if args.deadline else time.time() + args.minutes * 60 - elapsed

    def say(text):
        if rank == 0:
            print(time.strftime("%H:%M:%S"), text, flush=True)

    def save():
        state = {"model": model.state_dict(), "average": average.state_dict(), "optimizer": optimizer.state_dict(),
                 "step": step, "epoch": epoch, "at": at, "elapsed": elapsed}
        torch.save(state, path.with_suffix(".tmp"))
        os.replace(path.with_suffix(".tmp"), path)

    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    say(f"starts at step {step}, epoch {epoch}, after {elapsed / 60:.1f} minutes")
    last = saved_at = shown = time.time()
    tried_at, mark, sums = last - args.eval_minutes * 60 + 240, 0, torch.zeros(3)
    while True:
        now = time.time()
        elapsed, last = elapsed + now - last, now
        done, halt = agree([elapsed / (elapsed + max(end - now, 1e-3)), bool(stop) or now >= end], args.workers)
        if halt:
            break
        size, smallest, erased, batch = phase(done, args.sizes)
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * rate(done)
        if at + batch * args.workers > len(order):
            epoch, at = epoch + 1, 0
            order = data.order(epoch)
        seed = step * args.workers + rank
        rng, pick = torch.Generator().manual_seed(seed), random.Random(seed)
        mine = order[at + rank * batch:at + (rank + 1) * batch]
        images, labels = data.batch(mine, size, smallest, erased, rng)
        others = torch.from_numpy(np.random.default_rng(seed).permutation(len(bank.names)))
        present = labels.unique()
        classes = torch.cat([present, others[~torch.isin(others, present)]])[:args.texts]
        words = sorted(pick.sample(range(len(bank.words)), len(bank.words) // 3))
        ids = texts(bank.class_captions(pick, classes.tolist()) + bank.word_captions(pick, words))
        loss, *figures = loss_of(model, images, labels, ids, classes, words, bank)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(model, args.workers)
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        if not torch.isfinite(norm):
            raise SystemExit("a gradient is not finite; the last checkpoint is kept")
        optimizer.step()
        step, at, sums, mark = step + 1, at + batch * args.workers, sums + torch.stack(figures), mark + 1
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
            if rank == 0 and step % 4 == 0:  # running average, about 400 steps long at most
                keep = min(0.99, step / (step + 40))
                for a, b in zip(average.state_dict().values(), model.state_dict().values()):
                    a.lerp_(b, 1 - keep) if a.is_floating_point() else a.copy_(b)
        if rank:
            continue
        if step % 50 == 0:
            fine, coarse, right = (sums / mark).tolist()
            say(f"{100 * done:5.1f} % step {step} epoch {epoch} size {size}"
                f" class loss {fine:.3f} word loss {coarse:.3f}"
                f" train top-1 {100 * right:.1f} scale {model.logit_scale.exp().item():.1f}"
                f" images/s {mark * batch * args.workers / (time.time() - shown):.0f}")
            shown, mark, sums = time.time(), 0, torch.zeros(3)
        if time.time() - tried_at > args.eval_minutes * 60:
            tried_at = time.time()
            sizes = sorted({size, 64} | ({FULL} if done > 0.5 else set()))
            found = {s: round(accuracy(average, held, texts, s), 1) for s in sizes}
            say(f"held out, 1,000 pictures, 200 names: top-1 by size {found}")
        if time.time() - saved_at > args.save_minutes * 60:
            save()
            saved_at = time.time()
    if rank == 0:
        save()
        say(f"ended at step {step}, epoch {epoch}, {elapsed / 60:.1f} minutes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=DATA, type=Path)
    parser.add_argument("--cache", required=True, type=Path, help="where prepare.py wrote")
    parser.add_argument("--run", required=True, type=Path, help="folder of the checkpoint; goes on if there is one")
    parser.add_argument("--tokenizer", default=HERE.parent / "models" / "osprey-mini", type=Path)
    parser.add_argument("--minutes", type=float, default=110)
    parser.add_argument("--deadline", type=datetime.datetime.fromisoformat, help="instead of --minutes: when to end")
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--decay", type=float, default=0.1)
    parser.add_argument("--sizes", default="0.3:32,0.6:48,0.84:64,1:96",
                        help="until which share of the time: picture size")
    parser.add_argument("--texts", type=int, default=200, help="captions of classes in a step")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--eval-minutes", type=float, default=10)
    parser.add_argument("--save-minutes", type=float, default=5)
    args = parser.parse_args()
    args.sizes = [(float(u), int(s)) for u, s in (part.split(":") for part in args.sizes.split(","))]
    args.run.mkdir(parents=True, exist_ok=True)
    (args.run / "meeting").unlink(missing_ok=True)
    spawn = torch.multiprocessing.get_context("spawn")
    for rank in range(1, args.workers):
        spawn.Process(target=work, args=(rank, args), daemon=True).start()
    work(0, args)


if __name__ == "__main__":
    main()
