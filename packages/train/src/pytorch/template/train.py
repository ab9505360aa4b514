"""Trains the model of this folder on the data of this folder.

    python train.py                                   one process, on the GPU if there is one
    torchrun --nproc-per-node 8 train.py              weights, gradients and moments sharded over all GPUs (FSDP)
    python train.py --help

`run.json` holds the hyper-parameters; `data/` the tokens, and for each step the documents (or parts of them) that
the native engine would train on, in the same order. Progress goes to `metrics.jsonl`, the result to `model/`.
"""

import argparse
import json
import math
import os
import queue
import shutil
import signal
import threading
import time
from pathlib import Path

BEGUN = time.monotonic()  # A time limit counts the imports too.

import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.distributed import DistributedConfig

FOLDER = Path(__file__).resolve().parent
# Steps that are prepared ahead
AHEAD = 8


# ---------------------------------------------------------------------------------------------------------- data


def mapped(path, dtype):
    """An array that stays in its file; without the cost of numpy's memmap class at each access."""
    return np.memmap(path, dtype=dtype, mode="r").view(np.ndarray)


class Data:
    """All tokens one behind the other, and for each step of each stage the segments of them that it learns."""

    def __init__(self, run):
        folder = FOLDER / "data"
        self.tokens = mapped(folder / "tokens.bin", f"<u{run['tokenBytes']}")
        # 1 where a token is the assistant's
        self.counted = mapped(folder / "counted.bin", np.uint8)
        # UTF-8 bytes that each token stands for
        self.lengths = np.fromfile(folder / "lengths.bin", dtype="<u2").astype(np.int64)
        self.segments, self.steps = {}, {}
        for stage in run["stages"]:
            name = stage["name"]
            self.segments[name] = np.fromfile(folder / f"{name}.segments.bin", dtype="<u4").reshape(-1, 2)
            self.steps[name] = np.fromfile(folder / f"{name}.steps.bin", dtype="<u4")

    def step(self, stage, step):
        """The segments [from, to) of a step."""
        steps = self.steps[stage["name"]]
        return self.segments[stage["name"]][steps[step] : steps[step + 1]].astype(np.int64)

    def count(self, segments, stage):
        """How many tokens of the segments are predicted: all but the first of each, or the assistant's of these."""
        if stage["everyToken"]:
            return int((segments[:, 1] - segments[:, 0] - 1).sum())
        return sum(int(self.counted[begin + 1 : end].sum()) for begin, end in segments)

    def held_out(self, stage):
        """Source → its held-out segments."""
        segments = self.segments[stage["name"]].astype(np.int64)
        return {name: segments[begin:end] for name, (begin, end) in stage["heldOut"].items()}

    def batches(self, segments, stage, ranks, rows_at_once, granule):
        """Micro-batches of this rank. Every rank gets equally many, so that they can wait for each other."""
        length = stage["rowLength"]
        row, place, rows = pack(segments[:, 1] - segments[:, 0], length, in_order=stage["everyToken"])
        rows += -rows % (granule * ranks.count)
        mine = rows // ranks.count
        batches = []
        for first in range(0, mine, rows_at_once):
            count = min(rows_at_once, mine - first)
            begin = ranks.index * mine + first
            inside = (row >= begin) & (row < begin + count)
            cells = (row[inside] - begin) * length + place[inside]
            batches.append(self.batch(segments[inside], cells, count, stage))
        return batches

    def batch(self, segments, cells, rows, stage):
        """Rows of `rowLength` tokens, filled with segments and padded at the end."""
        begin, count = segments[:, 0], segments[:, 1] - segments[:, 0]
        within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        source = np.repeat(begin, count) + within
        target = np.repeat(cells, count) + within
        size = rows * stage["rowLength"]
        ids, positions, owners = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int32)
        ids[target] = self.tokens[source]
        positions[target] = within
        owners[target] = np.repeat(np.arange(1, len(count) + 1), count)
        # A token predicts the next one of its segment.
        predicts = within < np.repeat(count, count) - 1
        if not stage["everyToken"]:
            predicts[predicts] = self.counted[source[predicts] + 1] > 0
        labels = self.tokens[source[predicts] + 1].astype(np.int64)
        shape = (rows, stage["rowLength"])
        owned = np.concatenate([[size - count.sum()], count]).astype(np.float32)
        learnt = np.bincount(owners[target[predicts]], minlength=len(owned)).astype(np.float32)
        arrays = ids.reshape(shape), positions.reshape(shape), owners.reshape(shape), target[predicts], labels
        return Batch([torch.from_numpy(array) for array in (*arrays, owned, learnt)], int(self.lengths[labels].sum()))


class Batch:
    """ids, positions, owners (number of the segment, 0 is padding): [rows, length]; places that predict (in the rows
    one behind the other), and what they predict; tokens of each owner, and how many of these are predicted."""

    def __init__(self, tensors, bytes):
        self.tensors = tensors
        self.bytes = bytes

    def pinned(self):
        self.tensors = [tensor.pin_memory() for tensor in self.tensors]
        return self

    def to(self, device):
        return [tensor.to(device, non_blocking=True) for tensor in self.tensors]


def pack(lengths, capacity, in_order):
    """Puts segments into rows: (row of each, place in its row, number of rows). In order where they fill rows
    exactly (windows of running text), else each into the first row with room, the longest first."""
    row, place = np.zeros(len(lengths), np.int64), np.zeros(len(lengths), np.int64)
    filled = [0]
    for s in range(len(lengths)) if in_order else np.argsort(-lengths, kind="stable"):
        length = int(lengths[s])
        first = len(filled) - 1 if in_order else 0
        r = next((r for r in range(first, len(filled)) if filled[r] + length <= capacity), len(filled))
        if r == len(filled):
            filled.append(0)
        row[s], place[s] = r, filled[r]
        filled[r] += length
    return row, place, len(filled)


def prefetch(make, items, ahead=AHEAD):
    """make(item) for each item, some of them ahead in a thread."""
    ready, end = queue.Queue(ahead), object()
    stopped = threading.Event()

    def put(value):
        while not stopped.is_set():
            try:
                return ready.put(value, timeout=0.1)
            except queue.Full:
                pass

    def work():
        try:
            for item in items:
                put(make(item))
                if stopped.is_set():
                    return
            put(end)
        except BaseException as error:
            put(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        while (value := ready.get()) is not end:
            if isinstance(value, BaseException):
                raise value
            yield value
    finally:
        stopped.set()


# --------------------------------------------------------------------------------------------------------- model


class Ranks:
    """The processes that train together."""

    def __init__(self):
        self.count = int(os.environ.get("WORLD_SIZE", 1))
        cuda = torch.cuda.is_available()
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
        if cuda:
            torch.cuda.set_device(self.device)
            # cuDNN plans attention anew for every number of rows.
            torch.backends.cuda.enable_cudnn_sdp(False)
        if self.count > 1 and not dist.is_initialized():
            dist.init_process_group("nccl" if cuda else "gloo")
        self.index = dist.get_rank() if self.count > 1 else 0

    def sum(self, tensor):
        if self.count > 1:
            dist.all_reduce(tensor)
        return tensor

    def any(self, flag):
        """Whether it is so in any process."""
        return bool(self.sum(torch.tensor(float(flag), device=self.device))) if self.count > 1 else flag

    def agree(self, value):
        """What the first process says."""
        if self.count == 1:
            return value
        tensor = torch.tensor(float(value), device=self.device)
        dist.broadcast(tensor, 0)
        return float(tensor)


class Learner:
    """The model and its loss over a micro-batch: a sum over the labels, in nats."""

    def __init__(self, model):
        self.model = model
        self.routers = [m for m in model.modules() if hasattr(m, "e_score_correction_bias")]
        self.routed, self.places = [], None
        for router in self.routers:
            router.register_forward_hook(lambda _module, _inputs, output: self.routed.append(output))
        # Only places that predict go through the head: half of a conversation is not learnt.
        model.lm_head.register_forward_pre_hook(
            lambda _module, inputs: inputs[0].flatten(0, 1).index_select(0, self.places)
        )
        experts = self.routers[0].num_experts if self.routers else 0
        # Tokens that each expert of each layer got since the last `move_biases`
        self.loads = torch.zeros(len(self.routers), experts, device=model.device)

    def __call__(self, ids, positions, owners, places, labels, owned, learnt, balance_weight=0.0):
        self.routed.clear()
        self.places = places
        length = ids.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=ids.device).tril()
        mask = (owners[:, None, :, None] == owners[:, None, None, :]) & causal
        logits = self.model(input_ids=ids, position_ids=positions, attention_mask=mask, use_cache=False).logits
        loss = F.cross_entropy(logits.float(), labels, reduction="sum")
        if self.model.training:
            for layer, (scores, _, chosen) in enumerate(self.routed):
                loss = loss + self.balance(layer, scores, chosen, owners.flatten(), owned, learnt, balance_weight)
        return loss

    def balance(self, layer, logits, chosen, owners, owned, learnt, weight):
        """Counts the tokens of each expert, and returns the sequence-wise balance loss of DeepSeek-V3 (arXiv 2412.19437,
        equations 17 to 20), each sequence weighted by its labels."""
        count, topk = logits.shape[1], chosen.shape[1]
        cells = (owners[:, None].long() * count + chosen).flatten()
        loads = torch.zeros(len(owned) * count, device=logits.device)
        loads = loads.scatter_add_(0, cells, torch.ones_like(cells, dtype=torch.float32)).view(-1, count)
        # Owner 0 is padding.
        self.loads[layer] += loads[1:].sum(0)
        if weight == 0:
            return 0.0
        scores = logits.sigmoid()
        shares = torch.zeros_like(loads).index_add(0, owners, scores / scores.sum(-1, keepdim=True))
        sizes = owned.clamp(min=1)
        return weight * (learnt * count / topk / sizes**2 * (loads * shares).sum(-1)).sum()

    @torch.no_grad()
    def move_biases(self, rate, ranks):
        """Auxiliary-loss-free balancing (Wang et al. 2024). Returns the largest load over the mean: worst layer, mean."""
        if not self.routers:
            return torch.ones(2, device=ranks.device)
        loads = ranks.sum(self.loads)
        mean = loads.mean(-1, keepdim=True)
        for router, move in zip(self.routers, rate * torch.sign(mean - loads)):
            router.e_score_correction_bias += move
        ratios = loads.amax(-1) / mean.squeeze(-1).clamp(min=1)
        loads.zero_()
        return torch.stack([ratios.max(), ratios.mean()])


def load_model(run, ranks, folder, experts_over):
    """The model with the weights of `folder`, or random ones if there are none. Several processes share it by FSDP:
    each keeps a shard of every weight in float32 and gathers a layer in bf16 when it is needed. With expert parallelism
    a process keeps whole experts, and tokens travel to them."""
    cuda = ranks.device.type == "cuda"
    # Alone, a bf16 model has float32 masters (see Weights).
    dtype = torch.bfloat16 if cuda and ranks.count == 1 else torch.float32
    options = {"dtype": dtype, "attn_implementation": "sdpa"}
    if "n_routed_experts" in json.loads((FOLDER / "config.json").read_text()):
        options["experts_implementation"] = "grouped_mm" if cuda else "eager"
    if ranks.count > 1:
        options["distributed_config"] = DistributedConfig(
            fsdp_size=ranks.count, fsdp_mixed_precision=cuda, ep_size=experts_over
        )
    if any(folder.glob("*.safetensors")):
        return AutoModelForCausalLM.from_pretrained(folder, **options).to(ranks.device)
    torch.manual_seed(run["seed"])
    return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(FOLDER), **options).to(ranks.device)


class Weights:
    """The float32 weights that the optimiser moves: the model's own, or masters of those it keeps in bf16."""

    def __init__(self, model):
        self.names, self.used = zip(*model.named_parameters())
        self.rounded = [p for p in self.used if p.dtype != torch.float32]
        copies = {p: p.detach().float().requires_grad_() for p in self.rounded}
        self.copies = list(copies.values())
        self.masters = [copies.get(p, p) for p in self.used]
        for copy in self.copies:
            copy.grad = torch.zeros_like(copy)

        # Those that are spread over the same processes: operations on many tensors want no mixture.
        self.meshes = {}
        for name, master in zip(self.names, self.masters):
            self.meshes.setdefault(getattr(master, "device_mesh", None), []).append((name, master))

    def optimizer(self, stage):
        """Weight decay is for matrices: norms and biases are vectors, the embedding's rows are looked up."""
        groups = []
        for members in self.meshes.values():
            decayed = [p for name, p in members if p.ndim > 1 and "embed_tokens" not in name]
            others = [p for name, p in members if p.ndim <= 1 or "embed_tokens" in name]
            groups += [{"params": decayed, "weight_decay": stage["weightDecay"]}, {"params": others, "weight_decay": 0.0}]
        betas = stage["beta1"], stage["beta2"]
        fused = self.masters[0].is_cuda
        groups = [group for group in groups if group["params"]]
        return torch.optim.AdamW(groups, lr=stage["learningRate"], betas=betas, eps=stage["eps"], fused=fused)

    def update(self, optimizer, clip_norm):
        """One step of the optimiser from the model's gradients. Returns their norm before clipping."""
        if self.rounded:
            torch._foreach_copy_([c.grad for c in self.copies], [p.grad for p in self.rounded])
        parts = [[p for _, p in members if p.grad is not None] for members in self.meshes.values()]
        norms = [full(torch.nn.utils.get_total_norm([p.grad for p in part])) for part in parts]
        norm = torch.linalg.vector_norm(torch.stack(norms))
        for part in parts:
            torch.nn.utils.clip_grads_with_norm_(part, clip_norm, norm)
        optimizer.step()
        self.round()
        self.forget_gradients()
        return norm

    def forget_gradients(self):
        for p in self.used:
            p.grad = None

    @torch.no_grad()
    def round(self):
        if self.rounded:
            torch._foreach_copy_(self.rounded, self.copies)


# ------------------------------------------------------------------------------------------------------ training


def learning_rate(step, stage):
    """Warm-up, stable, decay: the rate of step `step`, counted from 0."""
    steps, warmup = stage["steps"], stage["warmupSteps"]
    if step < warmup:
        return stage["learningRate"] * (step + 1) / warmup
    begin = max(warmup, steps - stage["decaySteps"]) if "decaySteps" in stage else warmup
    progress = min(1, max(0, step - begin) / max(1, steps - 1 - begin))
    fallen = (1 - math.cos(math.pi * progress)) / 2 if stage["decay"] == "cosine" else progress
    return stage["learningRate"] * (1 - (1 - stage["finalRate"]) * fallen)


def duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


class Trainer:
    """Goes through the stages of the run."""

    def __init__(self, args):
        self.args = args
        self.run = json.loads((FOLDER / "run.json").read_text())
        self.out = Path(args.out or FOLDER)
        self.out.mkdir(parents=True, exist_ok=True)
        self.ranks = Ranks()
        self.cuda = self.ranks.device.type == "cuda"
        self.data = Data(self.run)
        self.stages = [stage for stage in self.run["stages"] if args.stage in (None, stage["name"])]
        # The steps of the plan to do, by stage; a time limit thins them out.
        self.todo = {stage["name"]: list(range(stage["steps"])) for stage in self.stages}
        # Stage, steps done in it and in all, training time until now
        self.stage, self.done, self.step, self.seconds = 0, 0, 0, 0.0
        self.stopping = False

        model = load_model(self.run, self.ranks, Path(args.weights or FOLDER), args.expert_parallel).train()
        self.learner = Learner(model)
        if args.compile:
            for layer in model.model.layers:
                layer.compile(dynamic=False)
        self.weights = Weights(model)
        self.optimizer = None
        self.say(f"{sum(p.numel() for p in self.weights.used):,} parameters, {self.ranks.count} × {self.ranks.device}")

    def say(self, text):
        if self.ranks.index == 0:
            print(text, flush=True)

    def note(self, line):
        if self.ranks.index == 0:
            with open(self.out / "metrics.jsonl", "a") as file:
                file.write(json.dumps(line) + "\n")

    # ------------------------------------------------------------------------------------------- stages and steps

    def train(self):
        if self.args.resume:
            self.resume()
        elif self.ranks.index == 0:
            (self.out / "metrics.jsonl").write_text("")
        self.costs = [self.step_cost(stage) for stage in self.stages]
        self.saved = time.monotonic()
        while self.stage < len(self.stages):
            if not self.train_stage(self.stages[self.stage]):
                self.save()
                return self.say(f"stopped at step {self.step}; --resume goes on")
            self.stage, self.done, self.optimizer = self.stage + 1, 0, None
        self.export()

    def stop(self, *_):
        if self.stopping:
            raise KeyboardInterrupt
        self.stopping = True

    def train_stage(self, stage):
        """Does the steps that are left of a stage. False if it was asked to stop."""
        todo = self.todo[stage["name"]]
        self.say(f"— {stage['name']}: {len(todo) - self.done:,} steps")
        self.optimizer = self.optimizer or self.weights.optimizer(stage)
        held_out = {name: self.batches(segments, stage) for name, segments in self.data.held_out(stage).items()}
        waiting = []
        self.flushed = time.monotonic()
        self.first_flush = None
        for step, tokens, counted, batches in prefetch(lambda step: self.prepare(step, stage), self.steps_ahead(todo)):
            rate = learning_rate(step, stage)
            waiting.append((rate, tokens, counted, self.do_step(batches, counted, rate, stage)))
            self.done += 1
            self.step += 1
            last = self.done == len(todo)
            validates = last or self.step % self.run["validation"]["everySteps"] == 0
            if last or validates or len(waiting) == self.args.log_every:
                self.flush(waiting, stage)
                if self.ranks.any(self.stopping):
                    return False
                self.fit()
                if self.ranks.any(time.monotonic() - self.saved > 60 * self.args.save_minutes):
                    self.save()
            if validates:
                self.validate(held_out, stage)
        return True

    def steps_ahead(self, todo):
        at = self.done
        while at < len(todo):
            yield todo[at]
            at += 1

    def prepare(self, step, stage):
        segments = self.data.step(stage, step)
        tokens = int((segments[:, 1] - segments[:, 0]).sum())
        return step, tokens, self.data.count(segments, stage), self.batches(segments, stage)

    def batches(self, segments, stage):
        rows = max(1, (self.args.micro_tokens or (65536 if self.cuda else 8192)) // stage["rowLength"])
        batches = self.data.batches(segments, stage, self.ranks, rows, granule=4 if self.cuda else 1)
        return [batch.pinned() for batch in batches] if self.cuda else batches

    def backward(self, batches, counted, stage):
        """The gradients of a step. Returns the loss over the rows of this rank, on the device."""
        loss = 0.0
        for batch in batches:
            part = self.learner(*batch.to(self.ranks.device), stage["balanceWeight"]) / counted
            # FSDP takes the mean over ranks where the sum is meant.
            (part * self.ranks.count).backward()
            loss = loss + part.detach()
        return loss

    def do_step(self, batches, counted, rate, stage):
        """One step of the optimiser. Returns loss (of this rank), gradient norm, worst and mean load, on the device."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.backward(batches, counted, stage)
        norm = self.weights.update(self.optimizer, stage["clipNorm"])
        return torch.cat([torch.stack([loss, norm]), self.learner.move_biases(stage["biasRate"], self.ranks)])

    def step_cost(self, stage, warm=2, timed=5):
        """Seconds of a step of a stage without the optimiser's part, so that stages can be compared. Changes nothing."""
        steps = [self.prepare(step % stage["steps"], stage) for step in range(warm + timed)]
        for at, (_, _, counted, batches) in enumerate(steps):
            if at == warm:
                begun = time.monotonic()
            float(self.backward(batches, counted, stage))
        seconds = (time.monotonic() - begun) / timed
        self.weights.forget_gradients()
        self.learner.loads.zero_()
        return seconds

    @torch.no_grad()
    def validate(self, held_out, stage):
        """Bits per byte of held-out text, by source."""
        self.learner.model.eval()
        sums = {name: [self.learner(*b.to(self.ranks.device)) for b in batches] for name, batches in held_out.items()}
        self.learner.model.train()
        bits = {}
        for name, parts in sums.items():
            both = torch.stack([sum(parts).double(), torch.tensor(float(sum(b.bytes for b in held_out[name]))).to(parts[0])])
            nats, count = self.ranks.sum(both).tolist()
            bits[name] = nats / math.log(2) / max(1, count)
        self.note({"kind": "validation", "stage": stage["name"], "step": self.step, "bitsPerByte": bits})
        self.say("  held out, bits/byte: " + ", ".join(f"{name} {value:.3f}" for name, value in bits.items()))

    # -------------------------------------------------------------------------------------------- progress and time

    def flush(self, waiting, stage):
        """Writes the steps that were done since the last call. Only here the device is waited for."""
        measured = torch.stack([m for *_, m in waiting])
        measured[:, 0] = self.ranks.sum(measured[:, 0].contiguous())
        rows = measured.tolist()
        now = time.monotonic()
        spent, self.flushed = now - self.flushed, now
        speed = sum(tokens for _, tokens, _, _ in waiting) / spent
        first = self.step - len(waiting)
        for at, ((rate, tokens, counted, _), (loss, norm, worst, mean)) in enumerate(zip(waiting, rows)):
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise SystemExit(
                    f"training has diverged at step {first + at + 1}: loss {loss}, gradient norm {norm}. The last"
                    " checkpoint is sound; start anew with a lower learningRate or a longer warm-up"
                )
            self.seconds += spent / len(waiting)
            self.note(
                {
                    "kind": "step",
                    "stage": stage["name"],
                    "step": first + at + 1,
                    "loss": loss,
                    "learningRate": rate,
                    "gradientNorm": norm,
                    "tokens": tokens,
                    "countedTokens": counted,
                    "tokensPerSecond": speed,
                    "worstExpertLoad": worst,
                    "meanExpertLoad": mean,
                    "seconds": self.seconds,
                }
            )
        waiting.clear()
        total = self.step + sum(len(self.todo[s["name"]]) for s in self.stages[self.stage :]) - self.done
        left = f" · {duration(self.seconds_left())} left" if self.first_flush else ""
        self.say(f"{self.step}/{total} loss {loss:.3f} · {speed:,.0f} tok/s{left} · expert load {mean:.2f}/{worst:.2f}")
        if self.first_flush is None:
            # The first steps are slow: memory is taken, kernels are chosen or compiled.
            self.first_flush = now, self.done

    def seconds_left(self):
        """For the steps that are left, by the pace of this stage and what steps of the others cost beside its own."""
        begun, first = self.first_flush
        if self.done == first:
            return 0.0
        left = [len(self.todo[stage["name"]]) * cost for stage, cost in zip(self.stages, self.costs)]
        here = (len(self.todo[self.stages[self.stage]["name"]]) - self.done) * self.costs[self.stage]
        steps = (here + sum(left[self.stage + 1 :])) / self.costs[self.stage]
        return steps * (time.monotonic() - begun) / (self.done - first)

    def fit(self):
        """With --max-minutes: leaves out steps of the plan, evenly, if the rest would take too long. Each step keeps
        the learning rate and the data that the plan gives it, so schedule and mixtures keep their shape."""
        if self.args.max_minutes is None or self.done < 50:
            return
        have = 60 * self.args.max_minutes * 0.97 - (time.monotonic() - BEGUN)
        part = self.ranks.agree(max(have, 0.0) / max(self.seconds_left(), 1e-9))
        if part >= 0.99:
            return
        for stage in self.stages[self.stage :]:
            todo = self.todo[stage["name"]]
            # Those that the thread may have prepared stay.
            fixed = min(len(todo), self.done + 2 * AHEAD) if stage is self.stages[self.stage] else 0
            rest = todo[fixed:]
            keep = math.floor(len(rest) * part * 0.98)
            todo[fixed:] = [rest[(i * len(rest)) // keep] for i in range(keep)]
        left = sum(len(self.todo[stage["name"]]) for stage in self.stages[self.stage :]) - self.done
        self.say(f"  to end within {self.args.max_minutes:g} minutes, {left:,} steps are left, {part:.0%} of the plan's")

    # ------------------------------------------------------------------------------------------------- files

    def state(self):
        """What a checkpoint keeps of this rank."""
        return {
            "ranks": self.ranks.count,
            "at": (self.stage, self.done, self.step, self.seconds),
            "todo": self.todo,
            "weights": [local(p) for p in self.weights.masters],
            "biases": [router.e_score_correction_bias for router in self.learner.routers],
            "moments": [
                {key: local(value) for key, value in self.optimizer.state[p].items()} for p in self.weights.masters
            ],
        }

    def save(self):
        path = self.out / f"checkpoint-{self.ranks.index}.pt"
        temporary = path.with_suffix(".tmp")
        with open(temporary, "wb") as file:
            torch.save(self.state(), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        self.saved = time.monotonic()
        self.say(f"  checkpoint {self.step}")

    @torch.no_grad()
    def resume(self):
        path = self.out / f"checkpoint-{self.ranks.index}.pt"
        if not path.exists():
            raise SystemExit(f"there is no {path} to go on from; leave --resume out")
        state = torch.load(path, map_location=self.ranks.device, weights_only=True)
        if state["ranks"] != self.ranks.count or state["todo"].keys() != self.todo.keys():
            raise SystemExit(f"the checkpoint is of {state['ranks']} processes and the stages {', '.join(state['todo'])}")
        self.stage, self.done, self.step, self.seconds = state["at"]
        if self.ranks.any(self.step != self.ranks.agree(self.step)):
            raise SystemExit("the processes' checkpoints are of different steps; begin anew, without --resume")
        self.todo = state["todo"]
        self.optimizer = self.weights.optimizer(self.stages[self.stage])
        for master, weight, moments in zip(self.weights.masters, state["weights"], state["moments"]):
            local(master).copy_(weight)
            for key, value in moments.items():
                # The count of steps is a plain number.
                moment = torch.zeros_like(master) if value.ndim > 0 else value
                local(moment).copy_(value)
                self.optimizer.state[master][key] = moment
        self.weights.round()
        for router, bias in zip(self.learner.routers, state["biases"]):
            router.e_score_correction_bias.copy_(bias)
        if self.ranks.index == 0:
            lines = (self.out / "metrics.jsonl").read_text().splitlines(keepends=True)
            kept = [line for line in lines if json.loads(line)["step"] <= self.step]
            (self.out / "metrics.jsonl").write_text("".join(kept))

    @torch.no_grad()
    def export(self):
        """Writes `model/`: bf16 weights under their published names, configuration, tokenizer, chat template."""
        tensors = {name: full(p) for name, p in zip(self.weights.names, self.weights.masters)}
        if self.ranks.index == 0:
            folder = self.out / "model"
            state = {name: tensor.to("cpu", torch.bfloat16) for name, tensor in tensors.items()}
            # Correction biases stay float32: a step of 0.001 would be lost in bf16.
            state |= {name: b.cpu() for name, b in self.learner.model.named_buffers() if name.endswith("correction_bias")}
            model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(FOLDER), dtype=torch.bfloat16)
            model.load_state_dict(state, strict=False, assign=True)
            model.tie_weights()
            model.save_pretrained(folder)
            for name in self.run["modelFiles"]:
                shutil.copy(FOLDER / name, folder / name)
            config = json.loads((FOLDER / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps(config | {"dtype": "bfloat16"}, indent=2) + "\n")
            self.say(f"the model is in {folder}")


def full(tensor):
    """All of a tensor that is spread over processes."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor.detach()


def local(tensor):
    """This process's part of a tensor that is spread over processes."""
    return (tensor.to_local() if hasattr(tensor, "to_local") else tensor).detach()


def arguments(options=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", help="do only this stage")
    parser.add_argument("--weights", metavar="FOLDER", help="checkpoint to begin with (default: this folder's)")
    parser.add_argument("--out", metavar="FOLDER", help="where results go (default: this folder)")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--max-minutes", type=float, metavar="M", help="leave out steps, evenly, to end in M minutes")
    parser.add_argument("--save-minutes", type=float, default=10, metavar="M", help="between checkpoints (default 10)")
    parser.add_argument("--log-every", type=int, default=10, metavar="STEPS", help="between lines (default 10)")
    parser.add_argument("--micro-tokens", type=int, metavar="N", help="tokens that go through the model at once")
    parser.add_argument("--expert-parallel", type=int, default=1, metavar="N", help="processes that share the experts")
    parser.add_argument("--compile", action="store_true", help="compile the layers")
    return parser.parse_args(options)


def main(args):
    try:
        trainer = Trainer(args)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, trainer.stop)
        trainer.train()
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


if __name__ == "__main__":
    main(arguments())
