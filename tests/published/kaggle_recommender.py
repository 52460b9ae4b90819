# %% [markdown]
# Movie recommender: from popularity to matrix factorisation
# %% imports
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
from itertools import combinations
from functools import partial, lru_cache
import json, math
# %% parameters
n_users = 40
n_movies = 25
n_factors: int = 4
n_epochs = 8
lr = 0.02
reg = 0.05
# %% step:ratings
rs = np.random.RandomState(123)
P0, Q0 = rs.normal(0, 1, (n_users, 3)), rs.normal(0, 1, (n_movies, 3))
true = 3 + P0 @ Q0.T
mask = rs.rand(n_users, n_movies) < .35
ratings = pd.DataFrame([(u, m, float(np.clip(round(true[u, m] * 2) / 2, .5, 5)))
                        for u, m in zip(*np.where(mask))], columns=['userId', 'movieId', 'rating'])
ratings.head()
# %%
movies = pd.DataFrame({'movieId': range(n_movies), 'title': [f'Movie {chr(65 + i)}' for i in range(n_movies)],
                       'genres': ['|'.join(sorted(set(rs.choice(['Action', 'Comedy', 'Drama', 'Sci-Fi'], 2)))) for _ in range(n_movies)]})
movies.sample(3, random_state=1)
# %%
print(f"{len(ratings)} ratings, density {len(ratings) / (n_users * n_movies):.2%}")
# %% step:popular
C = ratings.rating.mean()
counts = ratings.groupby('movieId').rating.agg(['count', 'mean'])
m = counts['count'].quantile(.6)
def weighted_rating(x, m=m, C=C):
    v = x['count']; R = x['mean']
    return (v/(v+m) * R) + (m/(m+v) * C)
counts['score'] = counts.apply(weighted_rating, axis=1)
# %%
top = counts.sort_values('score', ascending=False).head(5).join(movies.set_index('movieId'))
top[['title', 'count', 'mean', 'score']].round(3)
# %%
genre_counts = {}
for genres in movies['genres']:
    for g in genres.split('|'):
        genre_counts[g] = genre_counts.get(g, 0) + 1
plt.barh(*zip(*sorted(genre_counts.items())))
plt.title('Genres');
# %% step:split
test_idx = ratings.sample(frac=.2, random_state=0).index
train_r, test_r = ratings.drop(test_idx), ratings.loc[test_idx]
len(train_r), len(test_r)
# %% [markdown]
## SGD
# %% step:mf
class MF:
    history = []

    def __init__(self, n_users, n_items, k, lr, reg, seed=0):
        init = np.random.RandomState(seed)
        self.P = init.normal(0, .1, (n_users, k))
        self.Q = init.normal(0, .1, (n_items, k))
        self.bu, self.bi, self.mu = np.zeros(n_users), np.zeros(n_items), 0.
        self.lr, self.reg = lr, reg

    def predict(self, u, i):
        return self.mu + self.bu[u] + self.bi[i] + self.P[u] @ self.Q[i]

    def epoch(self, data):
        sq = 0
        for u, i, r in data:
            e = r - self.predict(u, i)
            sq += e * e
            self.bu[u] += self.lr * (e - self.reg * self.bu[u])
            self.bi[i] += self.lr * (e - self.reg * self.bi[i])
            self.P[u], self.Q[i] = (self.P[u] + self.lr * (e * self.Q[i] - self.reg * self.P[u]),
                                    self.Q[i] + self.lr * (e * self.P[u] - self.reg * self.Q[i]))
        self.history.append(math.sqrt(sq / len(data)))
# %%
triples = [(int(u), int(i), float(r)) for u, i, r in train_r.itertuples(index=False)]
mf = MF(n_users, n_movies, n_factors, lr, reg)
mf.mu = train_r.rating.mean()
mf.Q[0, 0]
# %%
for _ in range(n_epochs):
    mf.epoch(triples)
print([round(h, 4) for h in MF.history])
# %% step:evaluate
rmse = np.sqrt(np.mean([(r - mf.predict(int(u), int(i))) ** 2 for u, i, r in test_r.itertuples(index=False)]))
base = test_r.rating.sub(C).pow(2).mean() ** .5
print('rmse %.4f vs mean %.4f' % (rmse, base))
# %% metrics
rmse
# %% step:recommend
@lru_cache(maxsize=None)
def seen(user):
    return frozenset(ratings[ratings.userId == user].movieId)

def recommend(user, n=3):
    candidates = [i for i in range(n_movies) if i not in seen(user)]
    best = sorted(candidates, key=partial(mf.predict, user), reverse=True)[:n]
    return movies.set_index('movieId').loc[best, 'title'].tolist()

{u: recommend(u) for u in (0, 7, 19)}
# %%
seen.cache_info().currsize, len(MF.history)
# %%
with open('recommendations.json', 'w') as f:
    json.dump({u: recommend(u) for u in range(5)}, f, indent=2)
print(open('recommendations.json').read()[:60])
# %% [markdown]
The end.
