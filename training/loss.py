"""CLIP's contrastive loss where several texts are true of an image and several images of a text."""
import torch
import torch.nn.functional as F

from network import encode_image, encode_text

SMOOTHING, TEXT_SIDE, EVERYDAY = 0.1, 0.3, 0.4  # label smoothing; weights of the second and third term


def pair_loss(logits, pair, negative):
    """-log softmax of each true pair against the negatives of its row; other true pairs of the row do not count."""
    rest = logits.masked_fill(~negative, -1e4).logsumexp(1, keepdim=True)
    losses = F.softplus(rest - logits)
    weight = pair / pair.sum(1, keepdim=True).clamp(min=1)
    return (losses * weight).sum() / pair.any(1).sum().clamp(min=1)


def loss_of(model, images, labels, ids, classes, words, bank):
    """Image -> one caption of each of some classes (symmetric), and image -> some everyday words."""
    with torch.autocast("cpu", torch.bfloat16):
        pictures, texts = encode_image(model, images), encode_text(model, ids)
    logits = model.logit_scale.exp() * pictures @ texts.T
    k = len(classes)
    right, loose = bank.word_right[:, words][labels], bank.word_neutral[:, words][labels]
    hidden = torch.cat([bank.neutral[:, classes][labels], right | loose], 1)
    pair = labels[:, None] == classes[None]
    log_p = logits - logits.masked_fill(hidden, -1e4).logsumexp(1, keepdim=True)
    spread = log_p[:, :k].masked_fill(hidden[:, :k], 0).sum(1) / (~hidden[:, :k]).sum(1)
    loss = -((1 - SMOOTHING) * log_p[:, :k][pair] + SMOOTHING * spread).mean()
    # The captions of one class count as one text; its own images are never negatives.
    here = pair.any(0)
    loss_text = pair_loss(logits[:, :k][:, here].T, pair[:, here].T.float(), ~(pair | hidden[:, :k])[:, here].T)
    loss_words = pair_loss(logits[:, k:], right.float(), ~right & ~loose)
    hits = pair.gather(1, logits[:, :k].detach().argmax(1, keepdim=True)).float().mean()
    return loss + TEXT_SIDE * loss_text + EVERYDAY * loss_words, loss.detach(), loss_words.detach(), hits
