# %% [markdown]
# House prices: stacked regressions, short version
# %% imports
import numpy as np
import pandas as pd
%matplotlib inline
import matplotlib.pyplot as plt
import seaborn as sns
color = sns.color_palette()
sns.set_style('darkgrid')
import warnings
def ignore_warn(*args, **kwargs):
    pass
warnings.warn = ignore_warn # ignore annoying warnings (from sklearn and seaborn)
pd.set_option('display.float_format', lambda x: '{:.3f}'.format(x)) # Limiting floats output
# %% step:data
rng = np.random.RandomState(7)
N = 300
df = pd.DataFrame({'GrLivArea': rng.normal(1500, 400, N).round(), 'OverallQual': rng.randint(1, 11, N),
                   'YearBuilt': rng.randint(1900, 2010, N), 'GarageCars': rng.poisson(1.5, N).astype(float),
                   'Neighborhood': rng.choice(list('ABCDE'), N), 'LotFrontage': rng.gamma(5, 14, N)})
df['SalePrice'] = (df.GrLivArea * 60 + df.OverallQual * 12000 + (df.YearBuilt - 1900) * 300 + df.GarageCars * 8000
                   + rng.normal(0, 15000, N)).clip(20000)
df.loc[rng.rand(N) < .15, 'LotFrontage'] = np.nan
df.loc[rng.rand(N) < .05, 'GarageCars'] = np.nan
df.index.name = 'Id'
# %%
train, test = df.iloc[:220].copy(), df.iloc[220:].drop(columns='SalePrice')
print("The train data size is : {} ".format(train.shape))
print("The test data size is : {} ".format(test.shape))
# %% [markdown]
## Outliers
# %% step:clean
fig, ax = plt.subplots()
ax.scatter(x=train['GrLivArea'], y=train['SalePrice'])
plt.ylabel('SalePrice', fontsize=13)
plt.xlabel('GrLivArea', fontsize=13)
plt.show()
# %%
#Deleting outliers
train = train.drop(train[(train['GrLivArea'] > 2400) & (train['SalePrice'] < 300000)].index)
len(train)
# %% [markdown]
## Target variable: log(1+x)
# %%
train["SalePrice"] = np.log1p(train["SalePrice"])
from scipy import stats
(mu, sigma) = stats.norm.fit(train['SalePrice'])
print('\n mu = {:.2f} and sigma = {:.2f}\n'.format(mu, sigma))
# %% [markdown]
## Features engineering
# %% step:features
ntrain = train.shape[0]
ntest = test.shape[0]
y_train = train.SalePrice.values
all_data = pd.concat((train, test)).reset_index(drop=True)
all_data.drop(['SalePrice'], axis=1, inplace=True)
print("all_data size is : {}".format(all_data.shape))
# %%
all_data_na = (all_data.isnull().sum() / len(all_data)) * 100
all_data_na = all_data_na.drop(all_data_na[all_data_na == 0].index).sort_values(ascending=False)[:30]
missing_data = pd.DataFrame({'Missing Ratio' :all_data_na})
missing_data.head(20)
# %%
all_data["LotFrontage"] = all_data.groupby("Neighborhood")["LotFrontage"].transform(lambda x: x.fillna(x.median()))
for col in ('GarageCars',):
    all_data[col] = all_data[col].fillna(0)
# %%
from sklearn.preprocessing import LabelEncoder
cols = ('OverallQual', 'YearBuilt')
for c in cols:
    lbl = LabelEncoder()
    lbl.fit(list(all_data[c].values))
    all_data[c] = lbl.transform(list(all_data[c].values))
all_data['TotalScore'] = all_data['OverallQual'] * all_data['GrLivArea']
all_data.shape
# %%
numeric_feats = all_data.dtypes[all_data.dtypes != "object"].index
numeric_feats = [c for c in numeric_feats if c != 'Neighborhood']
skewed_feats = all_data[numeric_feats].apply(lambda x: stats.skew(x.dropna())).sort_values(ascending=False)
skewness = pd.DataFrame({'Skew' :skewed_feats})
skewness.head(10)
# %%
skewness = skewness[abs(skewness) > 0.75].dropna()
for feat in skewness.index:
    all_data[feat] = np.log1p(all_data[feat])
all_data = pd.get_dummies(all_data)
train = all_data[:ntrain].astype(float)
test = all_data[ntrain:].astype(float)
# %% [markdown]
## Modelling
# %% functions
from sklearn.model_selection import KFold, cross_val_score
from sklearn.base import BaseEstimator, TransformerMixin, RegressorMixin, clone

n_folds = 3

def rmsle_cv(model, X, y):
    kf = KFold(n_folds, shuffle=True, random_state=42)
    return np.sqrt(-cross_val_score(model, X.values, y, scoring="neg_mean_squared_error", cv=kf))

class AveragingModels(BaseEstimator, RegressorMixin, TransformerMixin):
    def __init__(self, models):
        self.models = models

    # we define clones of the original models to fit the data in
    def fit(self, X, y):
        self.models_ = [clone(x) for x in self.models]
        for model in self.models_:
            model.fit(X, y)
        return self

    def predict(self, X):
        predictions = np.column_stack([model.predict(X) for model in self.models_])
        return np.mean(predictions, axis=1)
# %% step:base
from sklearn.linear_model import ElasticNet, Lasso, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler
lasso = make_pipeline(RobustScaler(), Lasso(alpha=0.0005, random_state=1))
ENet = make_pipeline(RobustScaler(), ElasticNet(alpha=0.0005, l1_ratio=.9, random_state=3))
ridge = Ridge(alpha=.6)
# %%
for label, m in zip(['Lasso', 'ElasticNet', 'Ridge'], [lasso, ENet, ridge]):
    score = rmsle_cv(m, train, y_train)
    print("{} score: {:.4f} ({:.4f})".format(label, score.mean(), score.std()))
# %% step:stack
averaged_models = AveragingModels(models = (ENet, ridge, lasso))
score = rmsle_cv(averaged_models, train, y_train)
print(" Averaged base models score: {:.4f} ({:.4f})\n".format(score.mean(), score.std()))
# %%
averaged_models.fit(train.values, y_train)
pred = np.expm1(averaged_models.predict(test.values))
pred[:5].round(0)
# %% metrics
rmsle = float(score.mean())
# %% step:submission
sub = pd.DataFrame()
sub['Id'] = np.arange(ntest)
sub['SalePrice'] = pred
sub.to_csv('submission.csv',index=False)
sub.describe()
