// Holds exchanges with GitHub's REST API against GitHub's own description of it. Reads from stdin
// lines of JSON, each a list of exchanges {method, path, body, status, answer}, and answers each
// line with one: a list of what does not conform, in words. Relies on NODE_PATH.
const { readFileSync } = require('node:fs');
const { createInterface } = require('node:readline');
const { Ajv } = require('ajv');
const addFormats = require('ajv-formats');

const description = JSON.parse(
  readFileSync(require.resolve('@octokit/openapi/generated/api.github.com.json')),
);
const { schemas } = description.components;
// What the description says in words alone, of an upload that failed.
schemas['release-asset'].properties.state.enum.push('starter');

// OpenAPI 3.0 has `nullable` where JSON Schema has a type of its own.
const nullable = (schema) => {
  if (schema === null || typeof schema !== 'object') return;
  Object.values(schema).forEach(nullable);
  if (schema.nullable !== true) return;
  const { nullable: _, ...others } = schema;
  Object.keys(schema).forEach((key) => delete schema[key]);
  schema.anyOf = [others, { type: 'null' }];
};
nullable(description);

const ajv = addFormats(
  new Ajv({ strict: false, allErrors: true, validateSchema: false, validateFormats: true }),
);
ajv.addSchema(description, 'github');

const escaped = (key) => encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'));
const validators = new Map();
// What `value` lacks to be what the description says at the keys.
const flaws = (keys, value) => {
  const reference = `github#/${keys.map(escaped).join('/')}`;
  if (!validators.has(reference)) validators.set(reference, ajv.compile({ $ref: reference }));
  const validate = validators.get(reference);
  if (validate(value)) return [];
  return validate.errors.map((error) => `${error.instancePath || 'it'} ${error.message}`);
};

// A path's templates are tried from the most literal on.
const routes = Object.keys(description.paths)
  .map((template) => ({ template, parts: template.split('/') }))
  .sort((one, other) => one.template.split('{').length - other.template.split('{').length);
const matches = (parts, path, many) => {
  if (parts.length === 0) return path.length === 0;
  if (path.length === 0) return false;
  if (!parts[0].startsWith('{')) {
    return parts[0] === path[0] && matches(parts.slice(1), path.slice(1), many);
  }
  const most = many(parts[0].slice(1, -1)) ? path.length : 1;
  for (let taken = most; taken > 0; taken -= 1) {
    if (path[0] !== '' && matches(parts.slice(1), path.slice(taken), many)) return true;
  }
  return false;
};
const resolved = (keys) => {
  const at = keys.reduce((value, key) => value?.[key], description);
  if (!at?.$ref) return [keys, at];
  return resolved(at.$ref.split('/').slice(1));
};
const parametersOf = (keys, operation) =>
  (operation.parameters ?? []).map((_, index) => resolved([...keys, 'parameters', `${index}`]));

const find = (method, path) => {
  for (const { template, parts } of routes) {
    const keys = ['paths', template, method];
    const operation = description.paths[template][method];
    if (operation === undefined) continue;
    const known = parametersOf(keys, operation);
    const many = (name) =>
      known.some(([, one]) => one.in === 'path' && one.name === name && one['x-multi-segment']);
    if (matches(parts, path.split('/'), many)) return { keys, operation, known };
  }
  return undefined;
};

// As the schema of a parameter of the query takes what is text there.
const typed = (text, [, { schema }]) => {
  const [, { type } = {}] = schema.$ref ? resolved(schema.$ref.split('/').slice(1)) : [, schema];
  if ((type === 'integer' || type === 'number') && text !== '') return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
};

const ofRequest = ({ keys, operation, known }, query, body) => {
  const problems = [];
  for (const [name, text] of query) {
    const parameter = known.find(([, one]) => one.in === 'query' && one.name === name);
    if (parameter === undefined) problems.push(`the query's ${name} is unknown`);
    else {
      const told = flaws([...parameter[0], 'schema'], typed(text, parameter));
      problems.push(...told.map((flaw) => `the query's ${name}: ${flaw}`));
    }
  }
  for (const [, one] of known) {
    if (one.in === 'query' && one.required && !query.has(one.name)) {
      problems.push(`the query has no ${one.name}`);
    }
  }
  const wanted = operation.requestBody?.content?.['application/json'];
  if (wanted === undefined) {
    if (body !== null) problems.push('the body is unexpected');
  } else if (body !== null) {
    const at = [...keys, 'requestBody', 'content', 'application/json', 'schema'];
    problems.push(...flaws(at, body).map((flaw) => `the body: ${flaw}`));
    const { properties, additionalProperties } = wanted.schema;
    for (const name of properties && !additionalProperties ? Object.keys(body) : []) {
      // octocrab says again in the body what it says in the path.
      const again = known.some(([, one]) => one.in === 'path' && one.name === name);
      if (!(name in properties || again)) problems.push(`the body's ${name} is unknown`);
    }
  } else if (operation.requestBody.required) {
    problems.push('the body is missing');
  }
  return problems;
};

const ofAnswer = ({ keys, operation }, status, answer) => {
  const described = operation.responses[status];
  // To whoever asks on a condition; it is described for some operations alone.
  if (status === 304 && answer === null) return [];
  if (described === undefined && status < 400) return [`${status} is undescribed`];
  const [at, { content } = {}] = described ? resolved([...keys, 'responses', `${status}`]) : [[]];
  const json = content?.['application/json'];
  if (json !== undefined) return flaws([...at, 'content', 'application/json', 'schema'], answer);
  if (status < 400) return answer === null ? [] : ['a body is undescribed'];
  // Of most refusals the description says nothing but what all have in common.
  const kind = answer?.errors ? 'validation-error' : 'basic-error';
  return flaws(['components', 'schemas', kind], answer);
};

const check = ({ method, path, body, status, answer }) => {
  const [bare, query] = [path.split('?')[0], new URLSearchParams(path.split('?')[1] ?? '')];
  const told = (problems, what) =>
    problems.map((problem) => `${method} ${path}: ${what}: ${problem}`);
  const found = find(method.toLowerCase(), bare);
  if (found === undefined) {
    return status === 404 ? [] : told(['no such operation'], 'the request');
  }
  const asked = ofRequest(found, query, body);
  const refused = status >= 400 && status < 500;
  return [
    ...(refused ? [] : told(asked, 'the request')),
    ...told(ofAnswer(found, status, answer), `the answer ${status}`),
  ];
};

createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(`${JSON.stringify(JSON.parse(line).flatMap(check))}\n`);
});
