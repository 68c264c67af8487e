/** Finds the members of a driver that its contract does not use, and so does not test. */

/** Returns the same object; the names of members used are added to `used`. */
export function noting<Part extends object>(part: Part, used: Set<PropertyKey>): Part {
  return new Proxy(part, {
    get: (target, name) => {
      used.add(name);
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

/** The members of a driver's class that are not in `used`. */
export function unusedOf(part: object, used: ReadonlySet<PropertyKey>): readonly string[] {
  const members = Object.getOwnPropertyNames(Object.getPrototypeOf(part));
  return members.filter((name) => name !== 'constructor' && !used.has(name));
}
