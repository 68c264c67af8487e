/** Said where the result would be. */
import type { ReactNode } from 'react';

export function Message({ children, isAlert }: { readonly children: ReactNode; readonly isAlert?: boolean }) {
  return (
    <div className="stage">
      <p className="message" role={isAlert ? 'alert' : undefined}>
        {children}
      </p>
    </div>
  );
}
