# %% [markdown]
# Toxic comments — tf-idf baseline
# %% imports
import re
import string
import numpy as np
import pandas as pd
from collections import Counter
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn import metrics as M
pd.options.display.max_colwidth = 60
# %% step:corpus
random_state = np.random.RandomState(99)
good = 'thanks please great article nice edit source agree helpful page talk'.split()
bad = 'stupid idiot hate garbage moron shut trash awful'.split()
filler = 'the a of and to in is you that it this was for on are as with'.split()
comments, labels = [], []
for i in range(240):
    toxic = i % 4 == 0
    words = random_state.choice(filler, 8).tolist()
    words += random_state.choice(bad if toxic else good, 3).tolist()
    if random_state.rand() < .2:
        words += random_state.choice(good + bad, 2).tolist()
    random_state.shuffle(words)
    text = ' '.join(words)
    comments.append(text.upper() + '!!!' if toxic and i % 8 == 0 else text.capitalize() + '.')
    labels.append(int(toxic))
df = pd.DataFrame({'comment_text': comments, 'toxic': labels})
df.head(8)
# %%
lens = df.comment_text.str.len()
lens.mean(), lens.std().round(3), lens.max()
# %%
lens.hist(bins=15);
# %% [markdown]
## Cleaning
# %% step:clean
re_tok = re.compile(f'([{string.punctuation}“”¨«»®´·º½¾¿¡§£₤‘’])')
def tokenize(s): return re_tok.sub(r' \1 ', s).split()

stopwords = set(filler)
vocabulary = Counter()

def clean(text):
    tokens = [t.lower() for t in tokenize(text)]
    vocabulary.update(tokens)
    return ' '.join(t for t in tokens if t not in stopwords)
# %%
df['clean'] = df['comment_text'].apply(clean)
df['shouting'] = df['comment_text'].str.isupper().astype(int)
df.sample(4, random_state=0)
# %%
vocabulary.most_common(5)
# %%
# drop what is left empty
df = df[df['clean'].str.strip() != '']
df.reset_index(drop=True, inplace=True)
len(df)
# %% step:vectorise
vec = TfidfVectorizer(ngram_range=(1, 2), tokenizer=str.split, token_pattern=None, min_df=3, use_idf=True, sublinear_tf=True)
trn_term_doc = vec.fit_transform(df['clean'])
trn_term_doc
# %%
names = vec.get_feature_names_out()
names[:10]
# %% step:nbsvm
def pr(y_i, y):
    p = x[y == y_i].sum(0)
    return (p + 1) / ((y == y_i).sum() + 1)

x = trn_term_doc
def get_mdl(y):
    y = y.values
    r = np.log(pr(1, y) / pr(0, y))
    m = LogisticRegression(C=4, max_iter=200)
    x_nb = x.multiply(np.asarray(r)).tocsr()
    return m.fit(x_nb, y), r
# %%
m, r = get_mdl(df['toxic'])
preds = m.predict_proba(x.multiply(np.asarray(r)).tocsr())[:, 1]
print('train auc', round(M.roc_auc_score(df.toxic, preds), 4))
# %%
weights = pd.Series(m.coef_[0], index=names).sort_values()
weights.tail(5)
# %% step:evaluate
cv = cross_val_predict(LogisticRegression(), trn_term_doc, df['toxic'], cv=4, method='predict_proba')[:, 1]
auc = M.roc_auc_score(df['toxic'], cv)
print(M.classification_report(df['toxic'], cv > .5))
# %% metrics
auc
# %% step:lookup
def explain(text, top=3):
    tokens = clean(text).split()
    return sorted(((weights.get(t, 0.0), t) for t in set(tokens)), reverse=True)[:top]

for t in ['You are an IDIOT and this is trash', 'thanks for the great source']:
    print(t, '->', [(w, round(float(v), 3)) for v, w in explain(t)])
# %%
vocabulary['idiot'], sum(vocabulary.values())
# %% [markdown]
Fin.
