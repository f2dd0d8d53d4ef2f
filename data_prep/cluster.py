"""Sequence clusters: connected components of detectable homology between protein chains.

Two chains are linked if their local alignment (BLOSUM62, gap open 11, extend 1) covers at least half of the shorter
chain and is significant: E <= 1e-5 by Karlin-Altschul statistics for these gapped scores (lambda 0.267, K 0.041:
Altschul & Gish, doi:10.1016/S0076-6879(96)66029-7). Pairs that share too few 3-residue words to reach that are not
aligned. For more than a few thousand chains, run MMseqs2 and give the clusters in a manifest instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

GAP_OPEN, GAP_EXTEND = 11.0, 1.0
LAMBDA, K = 0.267, 0.041
MAX_E_VALUE = 1e-5
MIN_COVERAGE = 0.5
WORD, MIN_SHARED_WORDS = 3, 4


def cluster_sequences(sequences: Sequence[str]) -> list[int]:
    """Cluster number of each protein sequence (one-letter codes); numbers ascend in order of first appearance."""
    unique = sorted(set(sequences))
    total = sum(map(len, unique))
    links = [(i, j) for i, j in _candidates(unique) if homologous(unique[i], unique[j], total)]
    component = dict(zip(unique, _components(links, len(unique)), strict=True))
    order: dict[int, int] = {}
    return [order.setdefault(component[s], len(order)) for s in sequences]


def join_clusters(members: Sequence[Sequence[int]]) -> list[int]:
    """Group of each structure, given the clusters of its chains.

    Structures that share a cluster, directly or through others, are in one group: a split by groups keeps every
    cluster whole though a site may lie between two chains.
    """
    known = sorted({cluster for clusters in members for cluster in clusters})
    row = {cluster: k for k, cluster in enumerate(known)}
    links = [(row[clusters[0]], row[other]) for clusters in members for other in clusters[1:]]
    component = _components(links, len(known))
    return [int(component[row[clusters[0]]]) for clusters in members]


def _components(links: Sequence[tuple[int, int]], n: int) -> np.ndarray:
    rows, columns = np.array(links, int).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(links)), (rows, columns)), shape=(n, n))
    return connected_components(graph, directed=False)[1]


def homologous(a: str, b: str, database_length: int) -> bool:
    """Whether two sequences are detectably homologous; ``database_length`` is the residues searched in all."""
    from Bio import Align
    from Bio.Align import substitution_matrices

    aligner = Align.PairwiseAligner(mode="local", open_gap_score=-GAP_OPEN, extend_gap_score=-GAP_EXTEND)
    aligner.substitution_matrix = substitution_matrices.load("BLOSUM62")
    unknown = {ord(letter): "X" for letter in {*a, *b} - set(aligner.substitution_matrix.alphabet)}  # U, O
    a, b = a.translate(unknown), b.translate(unknown)
    score = aligner.score(a, b)
    if K * len(a) * database_length * np.exp(-LAMBDA * score) > MAX_E_VALUE:
        return False
    spans = aligner.align(a, b)[0].aligned
    covered = max(spans[k][-1][1] - spans[k][0][0] for k in range(2))
    return covered >= MIN_COVERAGE * min(len(a), len(b))


def _candidates(sequences: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs that share enough words to be worth an alignment."""
    owners = defaultdict(set)
    for i, sequence in enumerate(sequences):
        for start in range(len(sequence) - WORD + 1):
            owners[sequence[start : start + WORD]].add(i)
    shared: dict[tuple[int, int], int] = defaultdict(int)
    for members in owners.values():
        members = sorted(members)
        for k, i in enumerate(members):
            for j in members[k + 1 :]:
                shared[i, j] += 1
    return sorted(pair for pair, count in shared.items() if count >= MIN_SHARED_WORDS)
