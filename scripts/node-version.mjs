/** Whether this Node is new enough. Uses nothing that an old one lacks. */

/** The same as `engines` in package.json. */
const OLDEST = '20.19';

/**
 * @param {string} version like `process.versions.node`
 * @returns {string | null} one line for the operator; null if it is new enough
 */
export function faultOfNode(version) {
  const [major, minor] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST.split('.').map(Number);
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return null;
  return `Node is ${version}; it must be ${OLDEST} or newer`;
}
