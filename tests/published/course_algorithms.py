# %% [markdown]
# Algorithms and data structures: the notebook of the lecture

# %% imports
import bisect
import time
from collections import deque
from functools import lru_cache, reduce, wraps
from itertools import accumulate, permutations
from typing import Dict, List, Optional

# %%
import random
random.seed(99)

# %% [markdown]
## Decorators we need

# %% functions
calls = {}

def counted(f):
    """Count the calls of f in `calls`"""
    @wraps(f)
    def inner(*args):
        calls[f.__name__] = calls.get(f.__name__, 0) + 1
        return f(*args)
    return inner

def is_sorted(xs):
    return all(a <= b for a, b in zip(xs, xs[1:]))

# %% [markdown]
## Sorting

# %% step:sorting
numbers = [random.randrange(100) for _ in range(30)]
original = list(numbers)
numbers[:5]

# %%
def insertion_sort(a):
    for i in range(1, len(a)):
        j = i
        while j > 0 and a[j - 1] > a[j]:
            a[j - 1], a[j] = a[j], a[j - 1]
            j -= 1

insertion_sort(numbers)
is_sorted(numbers), is_sorted(original)

# %%
@counted
def merge_sort(xs: List[int]) -> List[int]:
    if len(xs) < 2:
        return xs
    middle = len(xs) // 2
    left, right = merge_sort(xs[:middle]), merge_sort(xs[middle:])
    merged = []
    while left and right:
        merged.append((left if left[0] <= right[0] else right).pop(0))
    return merged + left + right

result = merge_sort(original)
result == numbers, calls

# %%
def quick(a, low=0, high=None):
    if high is None:
        high = len(a) - 1
    if low < high:
        pivot, k = a[high], low
        for j in range(low, high):
            if a[j] < pivot:
                a[k], a[j] = a[j], a[k]
                k += 1
        a[k], a[high] = a[high], a[k]
        quick(a, low, k - 1)
        quick(a, k + 1, high)

shuffled = random.sample(original, len(original))
quick(shuffled)
shuffled == result

# %%
bisect.insort(numbers, 50)
where = bisect.bisect_left(numbers, 50)
numbers[where], len(numbers), len(result)

# %% [markdown]
## Recursion and memory

# %% step:memory
memo = {}

@counted
def fib(n):
    if n in memo:
        return memo[n]
    value = n if n < 2 else fib(n - 1) + fib(n - 2)
    memo[n] = value
    return value

fib(20), calls['fib'], len(memo)

# %%
@lru_cache(maxsize=None)
def ways(n, coins=(1, 5, 10, 25)):
    if n == 0:
        return 1
    if n < 0 or not coins:
        return 0
    return ways(n - coins[-1], coins) + ways(n, coins[:-1])

ways(100)

# %%
fib(30)
calls['fib']

# %%
def hanoi(n, a, b, c, moves):
    if n:
        hanoi(n - 1, a, c, b, moves)
        c.append(a.pop())
        moves.append((len(a), len(c)))
        hanoi(n - 1, b, a, c, moves)
    return moves

towers = [list(range(4, 0, -1)), [], []]
moves = hanoi(4, *towers, [])
towers, len(moves)

# %% [markdown]
## Linked structures

# %% step:trees
class Node:
    def __init__(self, key: int):
        self.key = key
        self.left: Optional['Node'] = None
        self.right: Optional['Node'] = None

class Tree:
    size = 0

    def __init__(self, keys=()):
        self.root = None
        for key in keys:
            self.add(key)

    def add(self, key):
        self.size += 1
        if self.root is None:
            self.root = Node(key)
            return
        node = self.root
        while True:
            side = 'left' if key < node.key else 'right'
            child = getattr(node, side)
            if child is None:
                setattr(node, side, Node(key))
                return
            node = child

    def __iter__(self):
        def walk(node):
            if node:
                yield from walk(node.left)
                yield node.key
                yield from walk(node.right)
        return walk(self.root)

    def height(self):
        def h(node):
            return 0 if node is None else 1 + max(h(node.left), h(node.right))
        return h(self.root)

tree = Tree(original)
list(tree) == result, tree.size

# %%
tree.add(1000)
smaller = Tree(original[:5])
print(tree.height(), tree.size, smaller.size, Tree.size)

# %%
def rotate(node):
    """returns the new root"""
    new = node.left or node
    if new is not node:
        node.left, new.right = new.right, node
    return new

smaller.root = rotate(smaller.root)
list(smaller)

# %% [markdown]
## Graphs

# %% step:graphs
graph: Dict[str, set] = {}

def connect(a, b, directed=False):
    graph.setdefault(a, set()).add(b)
    graph.setdefault(b, set())
    if not directed:
        graph[b].add(a)

for edge in 'ab bc cd de ea bf fg'.split():
    connect(*edge)
sorted(graph)

# %%
def bfs(start, goal):
    queue = deque([[start]])
    seen = {start}
    while queue:
        path = queue.popleft()
        if path[-1] == goal:
            return path
        for other in sorted(graph[path[-1]] - seen):
            seen.add(other)
            queue.append(path + [other])

bfs('a', 'g')

# %%
connect('a', 'g', directed=True)
graph['h'] = set()
shorter = bfs('a', 'g')
shorter, bfs('a', 'h') is None

# %%
degrees = {node: len(others) for node, others in graph.items()}
top, = [n for n in degrees if degrees[n] == max(degrees.values())][:1]
top

# %%
tour = min(permutations('abc'), key=lambda p: sum(abs(ord(x) - ord(y)) for x, y in zip(p, p[1:])))
''.join(tour)

# %% [markdown]
## Exam questions

# %% step:exam
begin = time.perf_counter()
questions = [
    ('sorted?', is_sorted(numbers)),
    ('fib calls', calls['fib']),
    ('fib again', fib(10)),
    ('tree', sum(tree)),
    ('path', '-'.join(shorter)),
    ('towers', list(map(len, towers))),
]
questions.sort(key=lambda q: q[0])
taken = time.perf_counter() - begin
for question, answer in questions:
    print(f'{question:<10}', answer)

# %%
total = reduce(lambda a, b: a + b, numbers)
running = list(accumulate(numbers[:4]))
assert taken < 5
print(total, running, calls['fib'], len(moves), ways(10))
