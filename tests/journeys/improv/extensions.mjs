// The package is written for bundlers, which add the end of a file's name that an import leaves out.
export function resolve(specifier, context, next) {
  const bare = specifier.startsWith("./") && !/\.m?js$/.test(specifier);
  return next(bare ? `${specifier}.js` : specifier, context);
}
