'use strict';
// CommonJS, so that bundlers see what is required although it may be missing: an `import` of it would end the program then.

/** The module `pg` that the program has. */
exports.requirePg = function requirePg() {
  return require('pg');
};
