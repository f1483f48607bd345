"""Sales: from the first sign of interest to the order, the payment and the commission."""

from crmkit.kernel.room import Room
from crmkit.pipeline import merging, payments, portrait, prices, products, returns
from crmkit.pipeline.activities import ACTIVITY, activity, follow_ups, timing
from crmkit.pipeline.assignment import entry, salesperson
from crmkit.pipeline.commissions import SETTLEMENT, ledger, plans, settlements
from crmkit.pipeline.desk import Pipeline
from crmkit.pipeline.forecast import adjustments
from crmkit.pipeline.leads import LEAD, conversion, lead
from crmkit.pipeline.leads import desk as leads_desk
from crmkit.pipeline.opportunities import alerts, approvals, deal, people, steps
from crmkit.pipeline.opportunities import lines as deal_lines
from crmkit.pipeline.opportunities.approvals import APPROVAL
from crmkit.pipeline.orders import ORDER, Line, line, order
from crmkit.pipeline.orders.desk import PAYMENT_DUE
from crmkit.pipeline.orders.quotes import QUOTE, quote
from crmkit.pipeline.orders.quotes import desk as quotes_desk
from crmkit.pipeline.pool import desk as pool_desk
from crmkit.pipeline.pool import pool
from crmkit.pipeline.quotas import quota
from crmkit.pipeline.receivables import desk as receivables
from crmkit.pipeline.receivables import instalments
from crmkit.pipeline.scoring import desk as scoring_desk
from crmkit.pipeline.scoring import model as lead_model
from crmkit.pipeline.scoring import points
from crmkit.pipeline.stages import STANDARD, SalesPipeline, Stage, edition
from crmkit.pipeline.stages import desk as stages_desk

ROOM = Room(
    name="sales",
    modules=(
        lead,
        conversion,
        merging,
        activity,
        follow_ups,
        salesperson,
        entry,
        pool,
        points,
        quota,
        lead_model,
        edition,
        stages_desk,
        deal,
        deal_lines,
        people,
        approvals,
        alerts,
        steps,
        adjustments,
        products,
        prices,
        order,
        line,
        quote,
        payments,
        instalments,
        receivables,
        returns,
        plans,
        ledger,
        settlements,
    ),
    machines={
        "lead": LEAD,
        "activity": ACTIVITY,
        "opportunity": STANDARD.machine,
        "approval": APPROVAL,
        "order": ORDER,
        "quote": QUOTE,
        "return": returns.RETURN,
        "settlement": SETTLEMENT,
    },
    handlers={
        leads_desk.WAKE: leads_desk.wake,
        timing.REMIND: timing.remind,
        timing.RECUR: timing.occur,
        pool.CHECK: pool_desk.look,
        scoring_desk.LEARN: scoring_desk.learn_again,
        steps.NEXT_STEP_DUE: steps.step_due,
        quotes_desk.QUOTE_EXPIRES: quotes_desk.expire,
        PAYMENT_DUE: receivables.payment_due,
        instalments.DUE_SOON: receivables.payment_due_soon,
    },
    section=portrait.sales_section,
)

__all__ = ["ROOM", "Line", "Pipeline", "SalesPipeline", "Stage"]
