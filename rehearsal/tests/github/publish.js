// Publishes the files of a folder as a release, with @octokit/rest. Takes the arguments
// API OWNER REPOSITORY TAG COMMIT FOLDER and the token in GITHUB_TOKEN, and relies on NODE_PATH.
// Prints the release as the public sees it.
const assert = require('node:assert');
const { createHash } = require('node:crypto');
const { readFileSync, readdirSync } = require('node:fs');
const { join } = require('node:path');
const { Octokit } = require('@octokit/rest');

const [baseUrl, owner, repo, tag, commit, folder] = process.argv.slice(1);
const client = (auth) => new Octokit({ auth, baseUrl });
const files = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
const digest = (bytes) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

(async () => {
  const octokit = client(process.env.GITHUB_TOKEN);
  const { repos } = octokit.rest;
  const at = { owner, repo };

  const releases = await octokit.paginate(repos.listReleases, { ...at, per_page: 100 });
  assert(!releases.some((release) => release.tag_name === tag));
  const { data: draft } = await repos.createRelease({
    ...at,
    tag_name: tag,
    target_commitish: commit,
    name: tag,
    body: 'Notes',
    draft: true,
  });
  for (const [name, data] of files) {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': data.length };
    await octokit.request(`POST ${draft.upload_url}`, { name, data, headers });
  }
  const assets = await octokit.paginate(repos.listReleaseAssets, {
    ...at,
    release_id: draft.id,
    per_page: 10,
  });
  assert.deepStrictEqual(
    assets.map(({ name, state, digest }) => [name, state, digest]),
    [...files].map(([name, bytes]) => [name, 'uploaded', digest(bytes)]),
  );
  await assert.rejects(repos.getReleaseByTag({ ...at, tag }), { status: 404 });
  await repos.updateRelease({ ...at, release_id: draft.id, draft: false, make_latest: 'false' });
  const { data: release } = await client().rest.repos.getReleaseByTag({ ...at, tag });
  console.log(JSON.stringify(release));
})();
