/**
 * What our bundle asks of rspack beyond JupyterLab's builder: styles without blanks and comments.
 */
module.exports = {
  module: {
    rules: [
      {
        test: /\.css$/,
        enforce: 'pre',
        loader: 'builtin:lightningcss-loader',
        options: { minify: true }
      }
    ]
  }
};
