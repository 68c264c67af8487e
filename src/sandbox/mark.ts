/** The word that marks results as made by the sandbox. In pixels, because not every machine has fonts. */

const WORD = [
  '.###. .###. #...# ####. ####. .###. #...#',
  '#.... #...# ##..# #...# #...# #...# #...#',
  '#.... #...# #.#.# #...# #...# #...# .#.#.',
  '.###. ##### #..## #...# ####. #...# ..#..',
  '....# #...# #...# #...# #...# #...# .#.#.',
  '....# #...# #...# #...# #...# #...# #...#',
  '####. #...# #...# ####. ####. .###. #...#',
];
const PADDING = 2;

/** Rows of its cells; `#` is a part of a letter, everything else background. */
export const MARK: readonly string[] = [
  ...blankRows(),
  ...WORD.map((row) => ' '.repeat(PADDING) + row + ' '.repeat(PADDING)),
  ...blankRows(),
];

function blankRows(): string[] {
  return Array.from({ length: PADDING }, () => ' '.repeat((WORD[0]?.length ?? 0) + 2 * PADDING));
}
