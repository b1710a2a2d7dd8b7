// Verifies a blob with @sigstore/verify, which has no command of its own. Takes the arguments
// FILE BUNDLE TRUSTED_ROOT SAN ISSUER REPOSITORY REF COMMIT TRIGGER and relies on NODE_PATH.
const { readFileSync } = require('node:fs');
const { bundleFromJSON } = require('@sigstore/bundle');
const { TrustedRoot } = require('@sigstore/protobuf-specs');
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');

const [file, bundle, root, san, issuer, repository, ref, commit, trigger] = process.argv.slice(1);
const json = (path) => JSON.parse(readFileSync(path, 'utf8'));
// It takes the name for a regular expression.
const exactly = (text) => `^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`;
const claim = (arc, value) => ({ oid: { id: [1, 3, 6, 1, 4, 1, 57264, 1, arc] }, value: Buffer.from(value) });

new Verifier(toTrustMaterial(TrustedRoot.fromJSON(json(root)))).verify(
  toSignedEntity(bundleFromJSON(json(bundle)), readFileSync(file)),
  {
    subjectAlternativeName: exactly(san),
    extensions: { issuer },
    oids: [claim(2, trigger), claim(3, commit), claim(5, repository), claim(6, ref)],
  },
);
