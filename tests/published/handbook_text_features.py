# %% [markdown]
# Feature engineering for text

How to get from words to numbers: counting, weighting, a small classifier.

# %% imports
import re
import string
from collections import Counter, OrderedDict

import numpy as np
import pandas as pd
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

# %% [markdown]
## Categorical features

# %% step:categories
data = [
    {'price': 850000, 'rooms': 4, 'neighborhood': 'Queen Anne'},
    {'price': 700000, 'rooms': 3, 'neighborhood': 'Fremont'},
    {'price': 650000, 'rooms': 3, 'neighborhood': 'Wallingford'},
    {'price': 600000, 'rooms': 2, 'neighborhood': 'Fremont'},
]

# %%
vec = DictVectorizer(sparse=False, dtype=int)
vec.fit_transform(data)

# %%
vec.get_feature_names_out()

# %%
for row in data:
    row['expensive'] = row['price'] > 660000
data.append({'price': 1, 'rooms': 0, 'neighborhood': 'Nowhere', 'expensive': False})
len(data)

# %%
vec = DictVectorizer(sparse=True, dtype=int)
sparse = vec.fit_transform(data)
sparse.shape, sparse.nnz

# %% [markdown]
## A corpus

# %% step:corpus
rng = np.random.RandomState(0)
TOPICS = OrderedDict(
    space='orbit rocket moon launch nasa shuttle earth'.split(),
    hockey='goal team ice puck game playoff season'.split(),
    cooking='salt oven butter recipe onion flour taste'.split(),
)
FILLER = 'the a of and is in it was for on with'.split()

def sentence(topic, length=12, noise=0.35):
    words = [rng.choice(FILLER) if rng.rand() < 0.4 else
             rng.choice(TOPICS[rng.choice(list(TOPICS)) if rng.rand() < noise else topic])
             for _ in range(length)]
    return ' '.join(words).capitalize() + '.'

docs, labels = [], []
for topic in TOPICS:
    for _ in range(40):
        docs.append(sentence(topic))
        labels.append(topic)
len(docs)

# %%
docs[0]

# %%
docs = [doc.replace('the ', 'The ', 1) if i % 3 == 0 else doc for i, doc in enumerate(docs)]
docs[1] += '!!! 12 http://localhost'

# %% [markdown]
### Cleaning

# %%
_url = re.compile(r'https?://\S+')
table = str.maketrans('', '', string.punctuation)

def clean(text):
    """lower case, no urls, no digits, no punctuation"""
    text = _url.sub('', text.lower())
    text = re.sub(r'\d+', '', text)
    return text.translate(table).strip()

cleaned = list(map(clean, docs))
cleaned[1]

# %% [markdown]
## Counting

# %% step:counting
vocabulary = Counter()
for text in cleaned:
    vocabulary.update(text.split())
vocabulary.most_common(5)

# %%
stop = {word for word, n in vocabulary.items() if word in FILLER}
for word in stop:
    del vocabulary[word]
len(vocabulary), len(stop)

# %%
index = {}
for word in sorted(vocabulary):
    index.setdefault(word, len(index))

def encode(text):
    row = np.zeros(len(index), dtype=int)
    for word in text.split():
        if word in index:
            row[index[word]] += 1
    return row

counts = np.array([encode(text) for text in cleaned])
counts.shape, counts.sum()

# %%
theirs = CountVectorizer(vocabulary=index).fit_transform(cleaned)
(theirs.toarray() == counts).all()

# %% [markdown]
## TF-IDF by hand and by library

# %% step:weighting
def tfidf(counts):
    df = (counts > 0).sum(axis=0)
    idf = np.log((1 + len(counts)) / (1 + df)) + 1
    weights = counts * idf
    return weights / np.linalg.norm(weights, axis=1, keepdims=True).clip(1e-9)

ours = tfidf(counts)
vectorizer = TfidfVectorizer(vocabulary=index)
np.allclose(ours, vectorizer.fit_transform(cleaned).toarray())

# %%
frame = pd.DataFrame(ours, columns=list(index))
frame.insert(0, 'topic_', labels)
top = frame.groupby('topic_').mean().T
top.idxmax()

# %%
def strongest(topic, n=3):
    return top[topic].nlargest(n).index.tolist()

{topic: strongest(topic) for topic in TOPICS}

# %% [markdown]
## Classify

# %% step:classify
order = rng.permutation(len(docs))
train, test = order[:80], order[80:]
model = make_pipeline(TfidfVectorizer(), MultinomialNB())
model.fit([cleaned[i] for i in train], [labels[i] for i in train])
predicted = model.predict([cleaned[i] for i in test])
accuracy = np.mean([p == labels[i] for p, i in zip(predicted, test)])
round(accuracy, 3)

# %%
def predict_category(s, model=model):
    return model.predict([clean(s)])[0]

predict_category('The shuttle goes to the moon!')

# %%
mistakes = [(labels[i], p) for p, i in zip(predicted, test) if p != labels[i]]
confusion = pd.Series(Counter(mistakes), dtype=int)
confusion.sum()

# %%
model.named_steps['multinomialnb'].set_params(alpha=10.0)
model.fit(cleaned, labels)
print(predict_category('butter the puck'), sorted(set(strongest('space')) & set(TOPICS['space']))[:2])

# %%
print(f"{len(index)} words, {len(mistakes)} mistakes, {int(confusion.sum()) == len(mistakes)}, {len(data)} houses")
